"""The tables, as migrations. Readable on purpose: every column is a plain value that a person can query and join.

Migrations only expand; what they replace is removed a release later, so that this release and the one before run side
by side (law 11). `schema_version` has one row per migration applied; `usable_from` is the oldest schema version whose
program may still use the database.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from lightmail.errors import SchemaMismatch


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    usable_from: int
    statements: tuple[str, ...]


MIGRATIONS = (
    Migration(
        version=1,
        usable_from=1,
        statements=(
            """
            CREATE TABLE users (
                id            INTEGER PRIMARY KEY AUTOINCREMENT,
                address       TEXT    NOT NULL UNIQUE,
                password_hash TEXT    NOT NULL,
                enabled       INTEGER NOT NULL DEFAULT 1,
                created_s     INTEGER NOT NULL
            ) STRICT
            """,
            """
            CREATE TABLE aliases (
                address TEXT    NOT NULL PRIMARY KEY,
                user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE
            ) STRICT, WITHOUT ROWID
            """,
            "CREATE INDEX aliases_user ON aliases (user_id)",
            # The greatest UIDVALIDITY an address has had; outlives the account (law 2).
            """
            CREATE TABLE uid_validities (
                address TEXT    NOT NULL PRIMARY KEY,
                last    INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID
            """,
            # special_use: attributes separated by blanks. The counters are what STATUS answers; recent counts the
            # messages from UID recent_from on.
            """
            CREATE TABLE mailboxes (
                id             INTEGER PRIMARY KEY AUTOINCREMENT,
                user_id        INTEGER NOT NULL REFERENCES users (id),
                name           TEXT    NOT NULL,
                uid_validity   INTEGER NOT NULL,
                uid_next       INTEGER NOT NULL DEFAULT 1,
                highest_modseq INTEGER NOT NULL DEFAULT 1,
                selectable     INTEGER NOT NULL DEFAULT 1,
                special_use    TEXT    NOT NULL DEFAULT '',
                messages       INTEGER NOT NULL DEFAULT 0,
                unseen         INTEGER NOT NULL DEFAULT 0,
                deleted        INTEGER NOT NULL DEFAULT 0,
                size_octets    INTEGER NOT NULL DEFAULT 0,
                recent_from    INTEGER NOT NULL DEFAULT 1,
                recent         INTEGER NOT NULL DEFAULT 0,
                UNIQUE (user_id, name)
            ) STRICT
            """,
            # A subscription may name no mailbox (RFC 9051 §6.3.7).
            """
            CREATE TABLE subscriptions (
                user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                name    TEXT    NOT NULL,
                PRIMARY KEY (user_id, name)
            ) STRICT, WITHOUT ROWID
            """,
            """
            CREATE TABLE mailbox_keywords (
                mailbox_id INTEGER NOT NULL REFERENCES mailboxes (id),
                bit        INTEGER NOT NULL,
                keyword    TEXT    NOT NULL COLLATE NOCASE,
                PRIMARY KEY (mailbox_id, bit)
            ) STRICT, WITHOUT ROWID
            """,
            # Small rows: COPY and EXPUNGE rewrite the reference count, so what is large lives in message_summaries.
            # unreferenced_s: when the count became 0.
            """
            CREATE TABLE message_bodies (
                id              INTEGER PRIMARY KEY AUTOINCREMENT,
                object_key      TEXT    NOT NULL UNIQUE,
                raw_octets      INTEGER NOT NULL,
                stored_octets   INTEGER NOT NULL,
                digest          BLOB    NOT NULL,
                reference_count INTEGER NOT NULL,
                unreferenced_s  INTEGER NOT NULL DEFAULT 0
            ) STRICT
            """,
            """
            CREATE INDEX message_bodies_unreferenced ON message_bodies (unreferenced_s) WHERE reference_count = 0
            """,
            """
            CREATE TABLE message_summaries (
                body_id       INTEGER PRIMARY KEY REFERENCES message_bodies (id) ON DELETE CASCADE,
                header        BLOB    NOT NULL,
                envelope      BLOB    NOT NULL,
                bodystructure BLOB    NOT NULL,
                parts         BLOB    NOT NULL,
                sent_date     INTEGER NOT NULL,
                sent_zone     INTEGER NOT NULL,
                message_id    BLOB    NOT NULL,
                base_subject  TEXT    NOT NULL,
                preview       TEXT    NOT NULL
            ) STRICT
            """,
            # flags: a 64-bit set as a signed integer: 1 \\Answered, 2 \\Flagged, 4 \\Deleted, 8 \\Seen, 16 \\Draft, then
            # mailbox_keywords by bit. size and sent date repeat what the body has, so that a mailbox is loaded from
            # this table alone. No foreign key on body_id: it would need an index of its own, and the reference count
            # says the same.
            """
            CREATE TABLE messages (
                mailbox_id        INTEGER NOT NULL REFERENCES mailboxes (id),
                uid               INTEGER NOT NULL,
                body_id           INTEGER NOT NULL,
                flags             INTEGER NOT NULL,
                modseq            INTEGER NOT NULL,
                internaldate      INTEGER NOT NULL,
                internaldate_zone INTEGER NOT NULL,
                savedate          INTEGER NOT NULL,
                size_octets       INTEGER NOT NULL,
                sent_date         INTEGER NOT NULL,
                sent_zone         INTEGER NOT NULL,
                PRIMARY KEY (mailbox_id, uid)
            ) STRICT, WITHOUT ROWID
            """,
            "CREATE INDEX messages_modseq ON messages (mailbox_id, modseq)",
            "CREATE INDEX messages_deleted ON messages (mailbox_id, uid) WHERE flags & 4",
            # The expunge log, in ranges (RFC 7162 §3.2.5.2).
            """
            CREATE TABLE expunges (
                mailbox_id INTEGER NOT NULL REFERENCES mailboxes (id),
                modseq     INTEGER NOT NULL,
                first_uid  INTEGER NOT NULL,
                last_uid   INTEGER NOT NULL,
                PRIMARY KEY (mailbox_id, modseq, first_uid)
            ) STRICT, WITHOUT ROWID
            """,
        ),
    ),
    Migration(
        version=2,
        usable_from=1,
        statements=(
            # What all processes of the installation must have the same, by name (`shared_secret`).
            """
            CREATE TABLE settings (
                name  TEXT NOT NULL PRIMARY KEY,
                value BLOB NOT NULL
            ) STRICT, WITHOUT ROWID
            """,
        ),
    ),
    Migration(
        version=3,
        usable_from=1,
        statements=(
            # Work that one process does for all.
            """
            CREATE TABLE leases (
                name    TEXT    NOT NULL PRIMARY KEY,
                holder  TEXT    NOT NULL,
                until_s INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID
            """,
            # How far work has come that can be taken up again.
            """
            CREATE TABLE jobs (
                name      TEXT    NOT NULL PRIMARY KEY,
                state     BLOB    NOT NULL,
                changed_s INTEGER NOT NULL
            ) STRICT
            """,
        ),
    ),
    Migration(
        version=4,
        usable_from=1,
        statements=(
            # What an account may have; NULL: as much as it likes. What it has is the sum over its mailboxes.
            "ALTER TABLE users ADD COLUMN quota_octets INTEGER",
            "ALTER TABLE users ADD COLUMN quota_messages INTEGER",
            "ALTER TABLE users ADD COLUMN quota_mailboxes INTEGER",
            "ALTER TABLE users ADD COLUMN administrator INTEGER NOT NULL DEFAULT 0",
        ),
    ),
    Migration(
        version=5,
        usable_from=1,
        statements=(
            # Who else may do what with a mailbox (RFC 4314): letters by identifier, which is an address or "anyone", with
            # "-" in front where rights are taken away.
            """
            CREATE TABLE acl (
                mailbox_id INTEGER NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
                identifier TEXT    NOT NULL,
                rights     TEXT    NOT NULL,
                PRIMARY KEY (mailbox_id, identifier)
            ) STRICT, WITHOUT ROWID
            """,
            "CREATE INDEX acl_identifier ON acl (identifier, mailbox_id)",
        ),
    ),
    Migration(
        version=6,
        usable_from=1,
        statements=(
            # mailbox_id 0: of the server. user_id 0: shared. account_id: whose account it goes with; 0: nobody's.
            # mark: another one for another value; it comes before that, which may be long.
            """
            CREATE TABLE annotations (
                mailbox_id INTEGER NOT NULL,
                user_id    INTEGER NOT NULL,
                entry      TEXT    NOT NULL,
                mark       INTEGER NOT NULL,
                account_id INTEGER NOT NULL,
                value      BLOB    NOT NULL,
                PRIMARY KEY (mailbox_id, user_id, entry)
            ) STRICT, WITHOUT ROWID
            """,
            "CREATE INDEX annotations_account ON annotations (account_id)",
        ),
    ),
    Migration(
        version=7,
        usable_from=1,
        statements=(
            # What challenge mechanisms need of a password, with a digest of the hash that was written with it.
            "ALTER TABLE users ADD COLUMN challenge_secrets TEXT NOT NULL DEFAULT ''",
        ),
    ),
    Migration(
        version=8,
        usable_from=1,
        statements=(
            # Passwords made for one program each. digest: of the password, which has so much chance in it that it needs no
            # slow hash. scopes: separated by blanks. last_used_s: coarsely.
            """
            CREATE TABLE app_passwords (
                digest      BLOB    NOT NULL PRIMARY KEY,
                user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                label       TEXT    NOT NULL,
                scopes      TEXT    NOT NULL,
                created_s   INTEGER NOT NULL,
                last_used_s INTEGER,
                UNIQUE (user_id, label)
            ) STRICT, WITHOUT ROWID
            """,
        ),
    ),
)

CURRENT = MIGRATIONS[-1].version

_CREATE_VERSIONS = """
    CREATE TABLE IF NOT EXISTS schema_version (
        version     INTEGER PRIMARY KEY,
        usable_from INTEGER NOT NULL,
        applied_s   INTEGER NOT NULL
    ) STRICT
"""


def migrate(connection: sqlite3.Connection, now_s: int, *, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring the database to the last of `migrations`, in one transaction; safe when several processes try at once.

    Raises SchemaMismatch when the database is of a later release that this one cannot work with.
    """
    if versions_found(connection)[0] == migrations[-1].version:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_CREATE_VERSIONS)
        found, _ = versions_found(connection)
        for migration in migrations:
            if migration.version > found:
                for statement in migration.statements:
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO schema_version (version, usable_from, applied_s) VALUES (?, ?, ?)",
                    (migration.version, migration.usable_from, now_s),
                )
        _check(connection, migrations[-1].version)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def versions_found(connection: sqlite3.Connection) -> tuple[int, int]:
    """The last version applied and the oldest whose program may use the database; zeros for a new one."""
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'schema_version'").fetchone()
    if known is None:
        return 0, 0
    statement = "SELECT coalesce(max(version), 0), coalesce(max(usable_from), 0) FROM schema_version"
    found, usable_from = connection.execute(statement).fetchone()
    return int(found), int(usable_from)


def _check(connection: sqlite3.Connection, expected: int) -> None:
    found, usable_from = versions_found(connection)
    if usable_from > expected:
        raise SchemaMismatch(found, expected)
