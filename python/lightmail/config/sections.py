"""The configuration as typed, frozen values; `Config()` is what runs when nothing is configured.

Every key is `section.key`, in `lightmail.toml` and as `LIGHTMAIL_SECTION__KEY` in the environment. A key that is a
quantity carries its unit in its name: `_octets`, `_s` (seconds), `_kib`; plain plurals are counts. Reading and
validating is `load.py`; what cannot be seen from one key alone is `combinations.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from lightmail.config.addresses import hide_secrets

Count = Annotated[int, Meta(ge=1)]
Octets = Annotated[int, Meta(ge=1)]
CacheOctets = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
Identifier = Annotated[str, Meta(min_length=1)]


class Server(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    data: Identifier = "./lightmail-data"
    """The data folder. Relative: to the folder of the configuration file, or to the working directory without one."""
    contact: str = ""
    """How to reach who runs this server, as a URI: "mailto:postmaster@example.org"; clients are told (RFC 5464)."""
    hostname: str = ""
    """The name told to clients and written into trace headers; empty: the name of this machine."""
    workers: Count = 1
    """Processes that share the listening addresses."""
    drain_timeout_s: Seconds = 10.0
    """How long running commands may take after SIGTERM before their connections are closed."""
    reload_drain_s: Seconds = 3_600.0
    """After SIGHUP with another configuration: how long connections may stay with the workers that have the old one."""
    event_loop: Literal["auto", "uvloop", "asyncio"] = "auto"


class Imap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    listen: tuple[str, ...] = ("127.0.0.1:1143", "tls://127.0.0.1:1993")
    """`HOST:PORT` offers STARTTLS, `tls://HOST:PORT` speaks TLS at once, `unix://PATH` is a socket below data."""
    hide_capabilities: tuple[str, ...] = ()
    """Capabilities, as CAPABILITY spells them, that are not advertised and not to be had: for a client that is hurt."""
    literals: Literal["plus", "minus"] = "plus"
    """Which of RFC 7888 is advertised: LITERAL+, or LITERAL-, by which clients send only what has up to 4,096 octets
    without waiting. Longer ones are taken all the same."""
    utf8: Literal["accept", "only"] = "accept"
    """only: UTF8=ONLY is advertised (RFC 6855 §6); whoever has not said ENABLE UTF8=ACCEPT can do nothing with mail."""
    hide_on: dict[str, str] = field(default_factory=dict)
    """The same for connections to one address: an element of `listen` to capabilities, separated by blanks."""
    hide_from: dict[str, str] = field(default_factory=dict)
    """The same for a client that calls itself so (ID, RFC 2971): `NAME` or `NAME/VERSION`, in any case, where `*` is
    anything, to capabilities, separated by blanks. From its ID on."""
    proxy_on: tuple[str, ...] = ()
    """Elements of `listen` where `access.trusted_proxies` connect, and say in a PROXY header who the client is."""


class Lmtp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    listen: tuple[str, ...] = ("127.0.0.1:2424", "unix://lmtp.sock")
    subaddress_delimiter: str = "+"
    """Parts `user+detail@domain`; empty: subaddresses are not recognised."""
    subaddress_mailboxes: bool = True
    """Whether `user+detail` is delivered into the mailbox `detail` when that exists."""
    recipients: Count = 100
    """Recipients of one transaction."""
    over_quota: Literal["reject", "defer"] = "reject"
    """What the sender's side is told of a mailbox without room: 552 5.2.2, or 452 4.2.2 to try again later."""
    socket_mode: Annotated[str, Meta(pattern="^0?[0-7]{3}$")] = "0660"
    """Permissions of unix sockets, octal: who may deliver."""
    timeout_s: Seconds = 300.0
    """How long a silent peer is kept."""
    proxy_on: tuple[str, ...] = ()
    """Elements of `listen`, as `imap.proxy_on`."""
    xclient_from: tuple[str, ...] = ()
    """Networks, or `unix`, whose XCLIENT is believed."""


class Http(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    listen: tuple[str, ...] = ()


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    certificate: str = "cert.pem"
    """PEM, leaf first; relative: below data. Made on the first start when it and the key are the default and absent."""
    key: str = "key.pem"
    minimum: Literal["1.2", "1.3"] = "1.2"


class Storage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    metadata: Identifier = "sqlite://lightmail.sqlite"
    """`sqlite://PATH`, or `mysql://USER:PASSWORD@HOST:PORT/DATABASE` (MySQL and MariaDB)."""
    bodies: Identifier = "file://bodies"
    """`file://PATH`, or `s3://BUCKET/PREFIX`."""
    redis: str = ""
    """`redis://`, `rediss://` (TLS), `unix://`, `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB`,
    `redis+cluster://HOST:PORT,HOST:PORT`, each with `USER:PASSWORD@` where wanted; empty: none."""
    compression_gain_percent: Annotated[int, Meta(ge=0, le=100)] = 30
    """A block of a body is stored compressed when that saves at least so much. base64 saves 24, and costs three times
    the time to read; 100: nothing is compressed."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """For `repr`, too: it may come into a log."""
        values = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(name, hide_secrets(value) if isinstance(value, str) else value) for name, value in values]

    def __repr__(self) -> str:
        return f"Storage({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Encryption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of bodies and manifests, before they go to the body store. What the database holds is not encrypted by it."""

    keys: dict[str, str] = field(default_factory=dict)
    """Ids to files with 32 octets, in hexadecimal or base64; relative: below data. All of them are for reading."""
    active: str = ""
    """The id of the key that new bodies are encrypted by; empty: they are not."""


class Mysql(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How `storage.metadata = "mysql://…"` is reached."""

    connections: Count = 8
    """At most, of one process."""
    connect_timeout_s: Annotated[float, Meta(gt=0)] = 5.0
    statement_timeout_s: Annotated[float, Meta(gt=0)] = 30.0
    """One statement; the server ends it."""
    lock_timeout_s: Annotated[int, Meta(ge=1)] = 5
    """How long a statement waits for a row that another transaction holds."""
    retry_s: Seconds = 10.0
    """How long a transaction that can be repeated is tried again after a deadlock or a lost connection."""
    tls: Literal["off", "required", "verify"] = "off"
    """verify: the certificate and the host name are checked."""
    tls_ca: str = ""
    """PEM file; empty: what the system trusts."""
    tls_certificate: str = ""
    tls_key: str = ""


class S3(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How `storage.bodies = "s3://…"` is reached. Without a key here: environment, profile, or the machine's role."""

    endpoint: str = ""
    """URL; empty: AWS."""
    region: str = ""
    style: Literal["auto", "path", "host"] = "auto"
    """Where the bucket's name stands in a URL."""
    access_key: str = ""
    secret_key: str = ""
    profile: str = ""
    ca: str = ""
    """PEM file; empty: what the system trusts."""
    encryption: Literal["", "AES256", "aws:kms", "aws:kms:dsse"] = ""
    """Server-side encryption asked for with every write."""
    kms_key: str = ""
    storage_class: str = ""
    requests: Count = 64
    """At the same time, of one process."""
    part_octets: Annotated[int, Meta(ge=5_242_880)] = 8_388_608
    """Of a body that is uploaded while it arrives."""
    upload_octets: Octets = 268_435_456
    """Held of all such bodies together, by one process; a part at least for each, three at most."""
    attempt_timeout_s: Annotated[float, Meta(gt=0)] = 10.0
    total_timeout_s: Annotated[float, Meta(gt=0)] = 30.0
    """One request with all its retries."""
    verify_writes: bool = False
    """Ask for each object after it was written."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """For `repr`, too: it may come into a log."""
        shown = {"secret_key": "***"} if self.secret_key else {}
        return [(name, shown.get(name, getattr(self, name))) for name in self.__struct_fields__]

    def __repr__(self) -> str:
        return f"S3({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Redis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How `storage.redis` is used."""

    prefix: str = "lightmail"
    """In front of every key and channel."""
    timeout_s: Annotated[float, Meta(gt=0)] = 1.0
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""


class NodeCache(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bodies from S3 kept on this node's disk; may be deleted at any time."""

    path: Identifier = "cache"
    """Relative: below data. Shared by the workers of a node."""
    octets: CacheOctets = 10_737_418_240
    """0: none."""


class Changes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    poll_s: Annotated[float, Meta(gt=0)] = 1.0
    """Without Redis: how often a process asks MySQL which of its open mailboxes have changed. SQLite is asked four times
    a second, which costs no statement."""


class Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    """SASL mechanisms that are offered: PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-1, SCRAM-SHA-256, those with -PLUS, OAUTHBEARER,
    XOAUTH2."""
    mechanisms_without_tls: tuple[str, ...] = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
    """Those of them that are offered without TLS, too."""
    plaintext_without_tls: Literal["never", "loopback", "always"] = "loopback"
    """Where LOGIN, PLAIN and their like may be used without TLS."""
    act_for_others: tuple[str, ...] = ()
    """Addresses of accounts that may act for any user but administrators, as administrators may for all."""
    challenge_keys: tuple[str, ...] = ()
    """What is kept beside the hash of a password for mechanisms that need it: SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5."""
    scram_iterations: Annotated[int, Meta(ge=4096, le=5_000_000)] = 10_000
    argon2_memory_kib: Annotated[int, Meta(ge=8, le=4 * 1024 * 1024)] = 19456
    argon2_passes: Annotated[int, Meta(ge=1, le=100)] = 2
    argon2_lanes: Annotated[int, Meta(ge=1, le=64)] = 1
    old_schemes: tuple[str, ...] = ()
    """Schemes of stored passwords that are verified although they are weak: SSHA512, SSHA256, SSHA, CRAM-MD5, PLAIN."""
    concurrent_hashes: Count = 2
    """Password checks that run at the same time; each needs `argon2_memory_kib`."""
    cache_s: Seconds = 60.0
    """How long a successful check is remembered (keyed, in memory only); 0: never."""


class AuthSql(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Written `[auth.sql]`: accounts in the operator's own tables, asked by the operator's own queries."""

    url: str = ""
    """`mysql://USER:PASSWORD@HOST:PORT/DATABASE` or `sqlite://PATH`; empty: accounts are LightMail's own."""
    password_query: str = ""
    """Who logs in: one row with `password`, and perhaps more."""
    user_query: str = ""
    """Who gets mail; empty: who can log in."""
    iterate_query: str = ""
    """All accounts, for `lightmail user sync`."""
    default_scheme: str = ""
    """Of passwords that have neither `{SCHEME}` nor `$` in front."""
    connections: Count = 4
    """At most, of one process."""
    timeout_s: Annotated[float, Meta(gt=0)] = 5.0
    """For a connection, and for an answer."""
    tls: Literal["off", "required", "verify"] = "off"
    tls_ca: str = ""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """For `repr`, too: it may come into a log."""
        values = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(name, hide_secrets(value) if name == "url" else value) for name, value in values]

    def __repr__(self) -> str:
        return f"AuthSql({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Access(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may come from where. A rule is networks separated by blanks, `unix` for unix sockets: those with `!` in front
    are refused, and where others are named nobody else is allowed.
    """

    trusted_proxies: tuple[str, ...] = ()
    """Networks, or `unix`, whose PROXY header is believed."""
    proxy_header_timeout_s: Annotated[float, Meta(gt=0)] = 3.0
    """How long a proxy may take for it."""
    listeners: dict[str, str] = field(default_factory=dict)
    """An element of `imap.listen` or `lmtp.listen` to the rule for who may connect there: clients, not proxies."""
    users: dict[str, str] = field(default_factory=dict)
    """An account's address, or `@domain` for all of a domain without one of their own, to the rule from where it may log
    in."""
    administrators: str = ""
    """The rule from where administrators may log in; empty: from everywhere."""


class AuthPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service that is asked whether somebody may log in (the protocol of Dovecot's auth-policy server)."""

    url: str = ""
    """`http://` or `https://`; empty: nobody is asked. `command=allow` or `command=report` is added to its query."""
    ca: str = ""
    """PEM file, for https; empty: what the system trusts."""
    timeout_s: Annotated[float, Meta(gt=0)] = 2.0
    api_header_secret: str = ""
    """`NAME: VALUE`, or the value of X-API-Key, sent with every question."""
    hash_mechanism: Literal["md5", "sha1", "sha256", "sha512"] = "sha256"
    hash_nonce_secret: str = ""
    """The same on all nodes; needed with `url`."""
    hash_truncate_bits: Annotated[int, Meta(ge=0, le=128)] = 12
    """How much of the password's hash is told; 0: all of it."""
    attributes: dict[str, str] = field(
        default_factory=lambda: {
            name: name for name in ("login", "pwhash", "remote", "device_id", "protocol", "tls", "session_id")
        }
    )
    """What is told under which name: one of those of the default, or any other text as it is. `attrs/NAME`: in attrs."""
    before: bool = True
    """Ask before a password is looked at."""
    after: bool = True
    """And once it was right."""
    report: bool = True
    """Tell how it ended."""
    fail: Literal["open", "closed"] = "open"
    """When there is no answer: logins go on, or are refused."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """For `repr`, too: it may come into a log."""
        values = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(name, "***" if name.endswith("_secret") and value else value) for name, value in values]

    def __repr__(self) -> str:
        return f"AuthPolicy({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class OAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bearer tokens, for the mechanisms OAUTHBEARER and XOAUTH2."""

    issuer: str = ""
    """As the claim `iss` has it."""
    audience: tuple[str, ...] = ()
    """One of which the claim `aud` must name."""
    jwks: str = ""
    """Where the issuer's keys are (RFC 7517), for tokens that are JWTs: a URL, or a file, relative: below data."""
    introspection: str = ""
    """The URL to ask whose a token is (RFC 7662): for all without `jwks`, with it for those that are no JWTs."""
    client_id: str = ""
    client_secret: str = ""
    """Who we are, for the latter."""
    address_claim: Identifier = "email"
    """The claim with the address of the account."""
    scope: str = ""
    """That a token must have; empty: none. Clients are told."""
    discovery: str = ""
    """The URL of the issuer's OpenID configuration, for clients that have no good token."""
    cache_s: Seconds = 60.0
    """How long a token that was good is not looked at again."""
    keys_s: Annotated[float, Meta(ge=30)] = 3_600.0
    """How often the keys are read again; also when a token names an unknown one."""
    timeout_s: Annotated[float, Meta(gt=0)] = 5.0
    ca: str = ""
    """PEM file; empty: what the system trusts."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """For `repr`, too: it may come into a log."""
        shown = {"client_secret": "***"} if self.client_secret else {}
        return [(name, shown.get(name, getattr(self, name))) for name in self.__struct_fields__]

    def __repr__(self) -> str:
        return f"OAuth({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    message_octets: Octets = 52_428_800
    line_octets: Octets = 65_536
    command_octets: Octets = 262_144
    """One command without its streamed literals."""
    literals: Count = 256
    """Literals in one command."""
    nesting: Count = 32
    """Parentheses and search keys inside each other."""
    set_ranges: Count = 10_000
    """Ranges in one sequence set."""
    output_high_water_octets: Octets = 262_144
    """A connection with more waiting output than this runs no further command."""
    idle_timeout_s: Annotated[float, Meta(ge=1)] = 1_860.0
    """After login; RFC 9051 §5.4 wants 30 minutes at least."""
    login_timeout_s: Annotated[float, Meta(ge=1)] = 60.0
    malformed_commands: Count = 50
    """In a row, after login; then the connection ends."""
    malformed_before_login: Count = 10
    failed_logins: Count = 10
    """On one connection."""
    connections: Count = 20_000
    address_connections: Annotated[int, Meta(ge=0)] = 200
    """From one address, or one /64 of IPv6, to all workers of a node; 0: no limit; so in what follows."""
    user_connections: Annotated[int, Meta(ge=0)] = 200
    """Of one user, likewise."""
    address_commands_per_minute: Annotated[int, Meta(ge=0)] = 0
    """More are answered late."""
    user_commands_per_minute: Annotated[int, Meta(ge=0)] = 0
    address_failed_logins: Annotated[int, Meta(ge=0)] = 20
    """From one address within a quarter of an hour; then logins from there wait before they are looked at."""
    user_failed_logins: Annotated[int, Meta(ge=0)] = 50
    """Of one user, likewise; not for addresses from which that user has logged in before."""
    networks: dict[str, str] = field(default_factory=lambda: {"127.0.0.0/8": "unlimited", "::1": "unlimited"})
    """A network to what it may do as a whole: `connections=N`, `commands=N` in a minute, `failed_logins=N`; or
    `unlimited`, for webmail and proxies. An address belongs to the smallest that it is in."""
    summary_cache_octets: CacheOctets = 67_108_864
    sort_cache_octets: CacheOctets = 33_554_432
    """What SORT and THREAD compare of messages: about 500 octets each."""
    snapshot_cache_octets: CacheOctets = 134_217_728
    body_cache_octets: CacheOctets = 33_554_432
    small_body_octets: Octets = 262_144
    """Bodies up to this size are read whole and may be cached."""
    read_ahead_octets: CacheOctets = 33_554_432
    """Of large bodies on their way to clients, beyond the first 256 KiB of each; 2 MiB at most for one."""
    mime_depth: Count = 100
    mime_parts: Count = 10_000
    header_octets: Octets = 1_048_576
    keyword_octets: Octets = 128
    mailbox_name_octets: Octets = 1_024
    mailbox_depth: Count = 32
    mailboxes: Count = 10_000
    """Mailboxes of one user."""
    messages_per_command: Annotated[int, Meta(ge=0)] = 0
    """MESSAGELIMIT (RFC 9738), which should not be less than 1,000; 0: none. Clients that do not know of it see no more
    than the last messages of a large mailbox."""
    saved_messages: Annotated[int, Meta(ge=0)] = 0
    """SAVELIMIT: of COPY and APPEND alone; 0: none."""
    annotation_octets: Annotated[int, Meta(ge=1024)] = 65_536
    """One value (RFC 5464); more than 262,144 do not fit a command as it is by default."""
    annotations: Annotated[int, Meta(ge=10)] = 100
    """Of one mailbox, or of the server: shared ones, and as many of each user."""


class Upkeep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one process does for all, in the background."""

    interval_s: Seconds = 60.0
    """How often bodies that nobody needs are deleted, and manifests are written; 0: never, `lightmail gc` does it."""
    grace_s: Seconds = 86_400.0
    """How long a body stays after the last message that had it went; how old an object without a row must be to go."""
    sweep_interval_s: Seconds = 86_400.0
    """How often all objects of the body store are compared with the database; 0: never."""
    manifests: bool = True
    """Whether mailboxes are also written to the body store, for `lightmail repair --from-bodies`."""


class Mail(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    special_use: dict[str, str] = field(
        default_factory=lambda: {
            "Drafts": "\\Drafts",
            "Sent": "\\Sent",
            "Junk": "\\Junk",
            "Trash": "\\Trash",
            "Archive": "\\Archive",
        }
    )
    """Mailboxes that a new account gets besides INBOX: name to RFC 6154 attribute, "" for none."""
    subscribe: bool = True
    """Whether they are subscribed."""


class Quota(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a new account may have, until it is given other limits; 0: as much as it likes."""

    storage_octets: CacheOctets = 0
    """Of all its messages."""
    messages: Annotated[int, Meta(ge=0)] = 0
    mailboxes: Annotated[int, Meta(ge=0)] = 0


class Sharing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where users see mailboxes that are not their own (RFC 2342, RFC 4314)."""

    users: str = "Users"
    """Other users' mailboxes are `Users/ADDRESS/NAME`; empty: nobody sees them."""
    shared: str = "Shared"
    """Mailboxes of `account` are `Shared/NAME`."""
    account: str = ""
    """The address whose mailboxes are the shared ones; empty: there are none."""


class Log(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"
    audit: str = ""
    """A file for who came and went, what administrators did and what was deleted; relative: below data. Empty: none."""


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    server: Server = field(default_factory=Server)
    imap: Imap = field(default_factory=Imap)
    lmtp: Lmtp = field(default_factory=Lmtp)
    http: Http = field(default_factory=Http)
    tls: Tls = field(default_factory=Tls)
    storage: Storage = field(default_factory=Storage)
    encryption: Encryption = field(default_factory=Encryption)
    mysql: Mysql = field(default_factory=Mysql)
    s3: S3 = field(default_factory=S3)
    redis: Redis = field(default_factory=Redis)
    node_cache: NodeCache = field(default_factory=NodeCache)
    changes: Changes = field(default_factory=Changes)
    auth: Auth = field(default_factory=Auth)
    auth_policy: AuthPolicy = field(default_factory=AuthPolicy)
    auth_sql: AuthSql = field(default_factory=AuthSql)
    oauth: OAuth = field(default_factory=OAuth)
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    mail: Mail = field(default_factory=Mail)
    quota: Quota = field(default_factory=Quota)
    sharing: Sharing = field(default_factory=Sharing)
    upkeep: Upkeep = field(default_factory=Upkeep)
    log: Log = field(default_factory=Log)

    @property
    def data(self) -> Path:
        """The data folder."""
        return Path(self.server.data)

    def path(self, name: str) -> Path:
        """Where a configured path is: absolute ones as they are, others below data."""
        return self.data / name
