"""Debian's Dovecot and Cyrus as they can be at most, each started in a folder of its own: what they advertise.

Every extension that the packages have is switched on. Both have to be started by root; packages: dovecot-imapd,
cyrus-common, sasl2-bin. Debian does not let cyrus-imapd stand beside dovecot-imapd, so it is unpacked for the moment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import trustme

from tests.support.wire import ImapClient

USER, PASSWORD = "ann", "secret"
STARTS_WITHIN_S = 60.0

_DOVECOT = r"""
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{folder}/mail/%u
mail_plugins = acl quota fts fts_squat notify
mail_attribute_dict = file:{folder}/mail/attributes
imap_metadata = yes
first_valid_uid = 1
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
protocol imap {{
  mail_plugins = $mail_plugins imap_acl imap_quota imap_zlib
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Trash {{
    special_use = \Trash
  }}
}}
plugin {{
  acl = vfile
  quota = count:User quota
  quota_vsizes = yes
  fts = squat
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/mail
}}
"""

_CYRUS = """
configdirectory: {folder}/config
partition-default: {folder}/spool
defaultpartition: default
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb
sasl_mech_list: PLAIN LOGIN
autocreate_quota: 0
autocreate_post: yes
tls_server_cert: {folder}/cert.pem
tls_server_key: {folder}/key.pem
conversations: yes
conversations_db: twoskip
search_engine: squat
search_fuzzy_always: no
specialusealways: 1
allowapop: no
imapidresponse: yes
lmtpsocket: {folder}/lmtp
idlesocket: {folder}/idle
notifysocket: {folder}/notify
"""

_CYRUS_SERVICES = """
START {{
  recover cmd="ctl_cyrusdb -r -C {folder}/imapd.conf"
}}
SERVICES {{
  imap cmd="{unpacked}/usr/lib/cyrus/bin/imapd -C {folder}/imapd.conf" listen="127.0.0.1:{port}" prefork=0
}}
EVENTS {{
}}
DAEMON {{
  idled cmd="{unpacked}/usr/lib/cyrus/bin/idled -C {folder}/imapd.conf"
}}
"""


@contextlib.contextmanager
def dovecot(folder: Path) -> Iterator[tuple[str, int]]:
    """Where it listens, for as long as the context is open."""
    address = _prepare(folder, _DOVECOT, "dovecot.conf")
    (folder / "mail").mkdir()
    shutil.chown(folder / "mail", "mail", "mail")
    with _running(["dovecot", "-F", "-c", str(folder / "dovecot.conf")], address, folder):
        yield address


@contextlib.contextmanager
def cyrus(folder: Path) -> Iterator[tuple[str, int]]:
    """Where it listens, for as long as the context is open."""
    address = _prepare(folder, _CYRUS, "imapd.conf")
    unpacked = _unpacked("cyrus-imapd", folder)
    services = _CYRUS_SERVICES.format(folder=folder, port=address[1], unpacked=unpacked)
    (folder / "cyrus.conf").write_text(services)
    for name in ("config", "spool"):
        (folder / name).mkdir()
    subprocess.run(["saslpasswd2", "-c", "-p", "-f", str(folder / "sasldb"), USER], input=PASSWORD.encode(), check=True)
    for each in (folder, *folder.rglob("*")):
        shutil.chown(each, "cyrus", "mail")
    programs = Path("/usr/lib/cyrus/bin")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    command = [
        str(programs / "master"),
        *("-C", str(folder / "imapd.conf"), "-M", str(folder / "cyrus.conf"), "-p", str(folder / "pid")),
    ]
    with _running(command, address, folder, environment):
        yield address


def capabilities(address: tuple[str, int]) -> tuple[set[str], set[str]]:
    """Before login and without TLS; after login."""
    with ImapClient(address) as client:
        before = _listed(client)
        client.login(USER, PASSWORD)
        return before, _listed(client)


def _listed(client: ImapClient) -> set[str]:
    answer = client.command(b"CAPABILITY")
    assert answer.ok, answer
    line = next(line for line in answer.untagged if line.startswith(b"* CAPABILITY "))
    return set(line.decode().split()[2:])


def _prepare(folder: Path, configuration: str, name: str) -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    (folder / name).write_text(configuration.format(folder=folder, port=port, password=PASSWORD))
    certificate = trustme.CA().issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    return "127.0.0.1", port


def _unpacked(package: str, folder: Path) -> Path:
    there = folder / package
    there.mkdir()
    subprocess.run(["apt-get", "download", "-qq", package], cwd=there, check=True)
    (archive,) = there.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(archive), str(there)], check=True)
    return there


@contextlib.contextmanager
def _running(
    command: list[str], address: tuple[str, int], folder: Path, environment: dict[str, str] | None = None
) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        until = time.monotonic() + STARTS_WITHIN_S
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(address):
                break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} did not start: {(folder / 'output').read_text()}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()
