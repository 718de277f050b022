"""Combinations that cannot work are told before anything starts, at the line that has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightmail.config.load import read

FORMS = 'expected "HOST:PORT", "tls://HOST:PORT" or "unix://PATH"'


def problems(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "lightmail.toml"
    file.write_text(text)
    found = read(file, environment={}, options={"server.data": ("--data", str(tmp_path / "d"))}).problems
    return [str(problem).replace(f"{tmp_path}/", "") for problem in found]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[server]\nhostname = "a b"',
            '2: server.hostname: "a b" is not a host name; expected one such as "mail.example.org"',
        ),
        (
            '[http]\nlisten = ["127.0.0.1:8080"]',
            "2: http.listen: HTTP is not in this version; expected an empty list",
        ),
        (
            "[imap]\nlisten = []\n[lmtp]\nlisten = []",
            "2: imap.listen: nothing to listen on: imap.listen and lmtp.listen are both empty",
        ),
        (
            '[imap]\nutf8 = "only"\nhide_capabilities = ["utf8=accept"]',
            '2: imap.utf8: "only" wants ENABLE UTF8=ACCEPT of every client, and UTF8=ACCEPT is hidden; expected "accept"',
        ),
        ('[imap]\nlisten = ["1143"]', f"2: imap.listen[0]: '1143' has no port; {FORMS}"),
        (
            '[imap]\nlisten = [\n"127.0.0.1:1",\n"ssl://127.0.0.1:2"]',
            f"4: imap.listen[1]: unknown scheme ssl://; {FORMS}",
        ),
        (
            '[imap]\nlisten = ["127.0.0.1:70000"]',
            "2: imap.listen[0]: '70000' is not a port; expected a number from 0 to 65535",
        ),
        ('[imap]\nlisten = ["::1:143"]', "2: imap.listen[0]: an IPv6 address stands in brackets: [::1]:143"),
        ('[imap]\nlisten = ["a/b:143"]', f"2: imap.listen[0]: 'a/b' is not a host; {FORMS}"),
        ('[lmtp]\nlisten = ["unix://"]', "2: lmtp.listen[0]: a unix socket needs a path: unix://PATH"),
        (
            '[imap]\nlisten = ["127.0.0.1:2424"]',
            "None: lmtp.listen[0]: 127.0.0.1:2424 is taken by imap.listen[0] already",
        ),
        (
            '[access]\ntrusted_proxies = ["192.0.2.1/24"]',
            "2: access.trusted_proxies[0]: '192.0.2.1/24' has bits behind its length; expected '192.0.2.0/24'",
        ),
        (
            '[lmtp]\nproxy_on = ["127.0.0.1:24"]',
            '2: lmtp.proxy_on[0]: "127.0.0.1:24" is not in lmtp.listen; expected one of its elements',
        ),
        (
            '[imap]\nproxy_on = ["127.0.0.1:1143"]',
            "2: imap.proxy_on[0]: nobody may connect there: access.trusted_proxies is empty",
        ),
        (
            '[access.listeners]\n"127.0.0.1:143" = "unix"',
            '2: access.listeners.127.0.0.1:143: "127.0.0.1:143" is in neither imap.listen nor lmtp.listen; '
            "expected an element of one of them",
        ),
        (
            '[access.listeners]\n"127.0.0.1:1143" = "10.0.0.0/8 !nobody"',
            "2: access.listeners.127.0.0.1:1143: 'nobody' is not a network; "
            'expected "192.0.2.0/24", "2001:db8::/32", one address, or "unix"',
        ),
        (
            '[limits.networks]\n"192.0.2.0/24" = "connections=many"',
            "2: limits.networks.192.0.2.0/24: 'connections=many' has no number; "
            'expected "unlimited", or some of connections=N, commands=N, failed_logins=N',
        ),
        (
            '[limits.networks]\n"192.0.2.0/24" = "unlimited connections=3"',
            "2: limits.networks.192.0.2.0/24: 'unlimited' is no bound; "
            'expected "unlimited", or some of connections=N, commands=N, failed_logins=N',
        ),
        (
            '[access]\nadministrators = "10.0.0.0/8 nowhere"',
            "2: access.administrators: 'nowhere' is not a network; "
            'expected "192.0.2.0/24", "2001:db8::/32", one address, or "unix"',
        ),
        (
            '[auth_policy]\nurl = "http://me:secret@policy.example.org/"\nhash_nonce_secret = "x"',
            "2: auth_policy.url: it is not the URL of a service; expected http://HOST:PORT/ or https://HOST/, "
            "and a password in auth_policy.api_header_secret",
        ),
        (
            '[auth_policy]\nurl = "http://policy.example.org/"',
            "None: auth_policy.hash_nonce_secret: auth_policy.url needs one; "
            "expected the same random text on all nodes",
        ),
        (
            '[auth_policy]\nurl = "http://p.example.org/"\nhash_nonce_secret = "x"\n'
            'attributes = {attrs = "login", "attrs/cos" = "x"}',
            "4: auth_policy.attributes.attrs/cos: it is within something else; expected a name, or NAME/NAME",
        ),
        (
            '[sharing]\nusers = "a/b"',
            '2: sharing.users: "a/b" is not one level of a mailbox name; expected one such as "Shared"',
        ),
        (
            '[sharing]\naccount = "team@example.org"\nshared = "Users"',
            '3: sharing.shared: "Users" is sharing.users already; expected another name',
        ),
        (
            '[sharing]\naccount = "the team"',
            '2: sharing.account: "the team" is not an address; expected one such as "shared@example.org"',
        ),
        (
            '[sharing]\naccount = "team@example.org"\nshared = ""',
            "3: sharing.shared: sharing.account has mailboxes to show; expected a name to show them below",
        ),
        (
            "[limits]\nline_octets = 300000",
            "2: limits.line_octets: 300000 is more than limits.command_octets (262144); expected at most that",
        ),
        (
            "[limits]\nmessages_per_command = 1000\nsaved_messages = 1000",
            "3: limits.saved_messages: limits.messages_per_command bounds COPY and APPEND too; "
            "expected one of them (RFC 9738 §3)",
        ),
        (
            "[auth]\nargon2_memory_kib = 8\nargon2_lanes = 4",
            "2: auth.argon2_memory_kib: 8 is too little for 4 lanes; expected at least 32 (RFC 9106 §3.1)",
        ),
        (
            '[auth]\nmechanisms = ["PLAIN", "GSSAPI"]',
            '2: auth.mechanisms[1]: "GSSAPI" is not one of them; expected SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, '
            "SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, OAUTHBEARER, XOAUTH2, PLAIN, LOGIN",
        ),
        (
            '[auth]\nmechanisms = ["xoauth2"]',
            "None: oauth.jwks: xoauth2 in auth.mechanisms needs it, or oauth.introspection",
        ),
        (
            '[oauth]\nissuer = "x"\njwks = "https://login.example.org/keys"',
            "None: oauth.audience: a JWT can only be trusted when its issuer and its audience are known; expected both",
        ),
        (
            '[oauth]\nintrospection = "login.example.org"',
            "2: oauth.introspection: it is not a URL; expected one such as https://login.example.org/path",
        ),
        (
            '[auth]\nold_schemes = ["MD4"]',
            '2: auth.old_schemes[0]: "MD4" is not one of them; expected MD5-CRYPT, SSHA512, SSHA256, SSHA, CRAM-MD5, PLAIN',
        ),
        (
            "[mail.special_use]\nGesendet = '\\Gesendet'",
            "2: mail.special_use.Gesendet: '\\Gesendet' is not a special use of RFC 6154; expected one of "
            "'\\All', '\\Archive', '\\Drafts', '\\Flagged', '\\Junk', '\\Sent', '\\Trash', '\\Important', ''",
        ),
        (
            "[mail.special_use]\nSent = '\\Sent'\n\"Sent Items\" = '\\Sent'",
            "3: mail.special_use.Sent Items: '\\Sent' is given to Sent already",
        ),
        (
            "[mail.special_use]\nInbox = ''",
            "2: mail.special_use.Inbox: INBOX is always there and has no special use; expected another name",
        ),
        (
            '[lmtp]\nsubaddress_delimiter = "--"',
            '2: lmtp.subaddress_delimiter: "--" cannot part an address; expected one character such as "+", or ""',
        ),
    ],
)
def test_impossible(tmp_path: Path, text: str, told: str) -> None:
    line, _, rest = told.partition(": ")
    source = "default" if line == "None" else f"lightmail.toml:{line}"
    assert problems(tmp_path, text) == [f"{source}: {rest}"]


def test_a_named_certificate_must_be_there(tmp_path: Path) -> None:
    text = '[tls]\ncertificate = "/nowhere/c.pem"\nkey = "/nowhere/k.pem"'
    assert problems(tmp_path, text) == [
        "lightmail.toml:2: tls.certificate: no file /nowhere/c.pem; tls://127.0.0.1:1993 in imap.listen needs it",
        "lightmail.toml:3: tls.key: no file /nowhere/k.pem; tls://127.0.0.1:1993 in imap.listen needs it",
    ]


def test_a_certificate_without_its_key(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "cert.pem").touch()
    text = '[imap]\nlisten = ["127.0.0.1:1"]'
    assert problems(tmp_path, text) == ["default: tls.key: no file d/key.pem; STARTTLS in imap.listen needs it"]


def test_no_certificate_is_needed_without_tls(tmp_path: Path) -> None:
    text = '[tls]\nkey = "/nowhere/k.pem"\n[imap]\nlisten = []'
    assert problems(tmp_path, text) == []


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "d").touch()
    assert problems(tmp_path, "") == ["--data: server.data: d is not a folder"]


def test_a_socket_path_that_the_system_cannot_take(tmp_path: Path) -> None:
    name = "s" * 110
    (problem,) = problems(tmp_path, f'[lmtp]\nlisten = ["unix://{name}"]')
    assert problem.startswith("lightmail.toml:2: lmtp.listen[0]: the socket path d/sss")
    assert "the system allows 107" in problem
