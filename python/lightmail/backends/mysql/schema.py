"""The tables, as migrations. Readable on purpose: every column is a plain value that a person can query and join.

Every column and index is described in docs/schema.md, which a test holds against the database. Statements are of the
kind that MySQL 8 and MariaDB 10.11 both take. Migrations only expand; what they replace is removed a release later, so
that this release and the one before run side by side (law 11). `schema_version` has one row per migration applied;
`usable_from` is the oldest schema version whose program may still use the database.

utf8mb4_bin ignores blanks at the end when it compares, and a mailbox name may end in one; so names are found by their
octets, in a column that the database derives.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    usable_from: int
    statements: tuple[str, ...]
    """Each may have been run before, by an upgrade that was interrupted: there are no transactions over tables."""


NAME_OCTETS = 1024
"""The longest name of a mailbox."""
ADDRESS_CHARACTERS = 320

_TABLE = "ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
_ADDRESS = f"VARCHAR({ADDRESS_CHARACTERS})"
_DOMAIN = f"domain VARCHAR({ADDRESS_CHARACTERS}) GENERATED ALWAYS AS (SUBSTRING_INDEX(address, '@', -1)) STORED"
_NAME = f"""
    name VARCHAR({NAME_OCTETS}) NOT NULL,
    name_octets VARBINARY({NAME_OCTETS}) GENERATED ALWAYS AS (CAST(name AS BINARY)) STORED
"""

MIGRATIONS = (
    Migration(
        version=1,
        usable_from=1,
        statements=(
            f"""
            CREATE TABLE IF NOT EXISTS users (
                id            BIGINT       NOT NULL AUTO_INCREMENT,
                address       {_ADDRESS}   NOT NULL,
                {_DOMAIN},
                password_hash VARCHAR(512) NOT NULL,
                enabled       TINYINT      NOT NULL DEFAULT 1,
                created_s     BIGINT       NOT NULL,
                PRIMARY KEY (id),
                UNIQUE KEY users_address (address),
                KEY users_domain (domain)
            ) {_TABLE}
            """,
            f"""
            CREATE TABLE IF NOT EXISTS aliases (
                address {_ADDRESS} NOT NULL,
                {_DOMAIN},
                user_id BIGINT     NOT NULL,
                PRIMARY KEY (address),
                KEY aliases_user (user_id),
                KEY aliases_domain (domain),
                CONSTRAINT aliases_of_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
            ) {_TABLE}
            """,
            # The greatest UIDVALIDITY an address has had; outlives the account (law 2).
            f"""
            CREATE TABLE IF NOT EXISTS uid_validities (
                address {_ADDRESS}   NOT NULL,
                last    INT UNSIGNED NOT NULL,
                PRIMARY KEY (address)
            ) {_TABLE}
            """,
            # The counters are what STATUS answers; recent counts the messages from UID recent_from on.
            f"""
            CREATE TABLE IF NOT EXISTS mailboxes (
                id             BIGINT       NOT NULL AUTO_INCREMENT,
                user_id        BIGINT       NOT NULL,
                {_NAME},
                uid_validity   INT UNSIGNED NOT NULL,
                uid_next       INT UNSIGNED NOT NULL DEFAULT 1,
                highest_modseq BIGINT       NOT NULL DEFAULT 1,
                selectable     TINYINT      NOT NULL DEFAULT 1,
                special_use    VARCHAR(255) NOT NULL DEFAULT '',
                messages       INT UNSIGNED NOT NULL DEFAULT 0,
                unseen         INT UNSIGNED NOT NULL DEFAULT 0,
                deleted        INT UNSIGNED NOT NULL DEFAULT 0,
                size_octets    BIGINT       NOT NULL DEFAULT 0,
                recent_from    INT UNSIGNED NOT NULL DEFAULT 1,
                recent         INT UNSIGNED NOT NULL DEFAULT 0,
                PRIMARY KEY (id),
                UNIQUE KEY mailboxes_name (user_id, name_octets),
                CONSTRAINT mailboxes_of_user FOREIGN KEY (user_id) REFERENCES users (id)
            ) {_TABLE}
            """,
            # A subscription may name no mailbox (RFC 9051 §6.3.7).
            f"""
            CREATE TABLE IF NOT EXISTS subscriptions (
                id      BIGINT NOT NULL AUTO_INCREMENT,
                user_id BIGINT NOT NULL,
                {_NAME},
                PRIMARY KEY (id),
                UNIQUE KEY subscriptions_name (user_id, name_octets),
                CONSTRAINT subscriptions_of_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
            ) {_TABLE}
            """,
            # No foreign keys on the tables that hold messages: their writers hold the row of the mailbox, and tools
            # that change large tables while they are in use cannot work with them.
            f"""
            CREATE TABLE IF NOT EXISTS mailbox_keywords (
                mailbox_id BIGINT        NOT NULL,
                bit        TINYINT       NOT NULL,
                keyword    VARCHAR(1024) NOT NULL,
                PRIMARY KEY (mailbox_id, bit)
            ) {_TABLE}
            """,
            # Small rows: COPY and EXPUNGE rewrite the reference count, so what is large lives in message_summaries.
            # unreferenced_s: when the count became 0; NULL before, so that only such bodies are found by the index.
            f"""
            CREATE TABLE IF NOT EXISTS message_bodies (
                id              BIGINT     NOT NULL AUTO_INCREMENT,
                object_key      VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
                raw_octets      BIGINT     NOT NULL,
                stored_octets   BIGINT     NOT NULL,
                digest          BINARY(32) NOT NULL,
                reference_count INT        NOT NULL,
                unreferenced_s  BIGINT     NULL DEFAULT NULL,
                PRIMARY KEY (id),
                UNIQUE KEY message_bodies_key (object_key),
                KEY message_bodies_unreferenced (unreferenced_s)
            ) {_TABLE}
            """,
            f"""
            CREATE TABLE IF NOT EXISTS message_summaries (
                body_id       BIGINT     NOT NULL,
                header        MEDIUMBLOB NOT NULL,
                envelope      MEDIUMBLOB NOT NULL,
                bodystructure MEDIUMBLOB NOT NULL,
                parts         MEDIUMBLOB NOT NULL,
                sent_date     BIGINT     NOT NULL,
                sent_zone     SMALLINT   NOT NULL,
                message_id    MEDIUMBLOB NOT NULL,
                base_subject  MEDIUMTEXT NOT NULL,
                preview       TEXT       NOT NULL,
                PRIMARY KEY (body_id),
                CONSTRAINT message_summaries_of_body FOREIGN KEY (body_id) REFERENCES message_bodies (id)
                    ON DELETE CASCADE
            ) {_TABLE}
            """,
            # flags: a 64-bit set as a signed integer: 1 \\Answered, 2 \\Flagged, 4 \\Deleted, 8 \\Seen, 16 \\Draft, then
            # mailbox_keywords by bit. size and sent date repeat what the body has, so that a mailbox is loaded from
            # this table alone.
            f"""
            CREATE TABLE IF NOT EXISTS messages (
                mailbox_id        BIGINT       NOT NULL,
                uid               INT UNSIGNED NOT NULL,
                body_id           BIGINT       NOT NULL,
                flags             BIGINT       NOT NULL,
                modseq            BIGINT       NOT NULL,
                internaldate      BIGINT       NOT NULL,
                internaldate_zone SMALLINT     NOT NULL,
                savedate          BIGINT       NOT NULL,
                size_octets       BIGINT       NOT NULL,
                sent_date         BIGINT       NOT NULL,
                sent_zone         SMALLINT     NOT NULL,
                deleted           TINYINT      GENERATED ALWAYS AS (IF(flags & 4, 1, 0)) STORED,
                PRIMARY KEY (mailbox_id, uid),
                KEY messages_modseq (mailbox_id, modseq),
                KEY messages_deleted (mailbox_id, deleted, uid)
            ) {_TABLE}
            """,
            # The expunge log, in ranges (RFC 7162 §3.2.5.2).
            f"""
            CREATE TABLE IF NOT EXISTS expunges (
                mailbox_id BIGINT       NOT NULL,
                modseq     BIGINT       NOT NULL,
                first_uid  INT UNSIGNED NOT NULL,
                last_uid   INT UNSIGNED NOT NULL,
                PRIMARY KEY (mailbox_id, modseq, first_uid)
            ) {_TABLE}
            """,
            # What all processes of the installation must have the same, by name (`ports.directory.SHARED_SECRET`).
            f"""
            CREATE TABLE IF NOT EXISTS settings (
                name  VARCHAR(64)     NOT NULL,
                value VARBINARY(4096) NOT NULL,
                PRIMARY KEY (name)
            ) {_TABLE}
            """,
            # Server processes, and the clients that are logged in to them. A process writes one row of its own as long
            # as it lives, however many clients it has.
            f"""
            CREATE TABLE IF NOT EXISTS processes (
                process VARCHAR(64) NOT NULL,
                seen_s  BIGINT      NOT NULL,
                PRIMARY KEY (process)
            ) {_TABLE}
            """,
            f"""
            CREATE TABLE IF NOT EXISTS sessions (
                id       VARCHAR(64)  NOT NULL,
                process  VARCHAR(64)  NOT NULL,
                user_id  BIGINT       NOT NULL,
                address  {_ADDRESS}   NOT NULL,
                protocol VARCHAR(16)  NOT NULL,
                peer     VARCHAR(64)  NOT NULL,
                node     VARCHAR(255) NOT NULL,
                since_s  BIGINT       NOT NULL,
                PRIMARY KEY (id),
                KEY sessions_process (process),
                KEY sessions_address (address, since_s)
            ) {_TABLE}
            """,
        ),
    ),
    Migration(
        version=2,
        usable_from=1,
        statements=(
            # Work that one process does for all, and until when it has it, by the server's clock.
            f"""
            CREATE TABLE IF NOT EXISTS leases (
                name    VARCHAR(64)  NOT NULL,
                holder  VARCHAR(255) NOT NULL,
                until_s BIGINT       NOT NULL,
                PRIMARY KEY (name)
            ) {_TABLE}
            """,
            # How far resumable work has come, in the words of whoever does it.
            f"""
            CREATE TABLE IF NOT EXISTS jobs (
                name      VARCHAR(64) NOT NULL,
                state     MEDIUMBLOB  NOT NULL,
                changed_s BIGINT      NOT NULL,
                PRIMARY KEY (name)
            ) {_TABLE}
            """,
            # Writers lock the row to see whether they may write.
            "INSERT IGNORE INTO settings (name, value) VALUES ('sealed', '')",
        ),
    ),
    Migration(
        version=3,
        usable_from=1,
        statements=(
            # What an account may have; NULL: as much as it likes. What it has is the sum over its mailboxes.
            "ALTER TABLE users ADD COLUMN quota_octets BIGINT NULL DEFAULT NULL",
            "ALTER TABLE users ADD COLUMN quota_messages BIGINT NULL DEFAULT NULL",
            "ALTER TABLE users ADD COLUMN quota_mailboxes BIGINT NULL DEFAULT NULL",
            "ALTER TABLE users ADD COLUMN administrator TINYINT NOT NULL DEFAULT 0",
        ),
    ),
    Migration(
        version=4,
        usable_from=1,
        statements=(
            # Who else may do what with a mailbox (RFC 4314): letters by identifier, which is an address or "anyone", with
            # "-" in front where rights are taken away.
            f"""
            CREATE TABLE IF NOT EXISTS acl (
                mailbox_id BIGINT NOT NULL,
                identifier VARCHAR({ADDRESS_CHARACTERS + 1}) NOT NULL,
                rights     VARCHAR(32) NOT NULL,
                PRIMARY KEY (mailbox_id, identifier),
                KEY acl_identifier (identifier, mailbox_id),
                CONSTRAINT acl_of_mailbox FOREIGN KEY (mailbox_id) REFERENCES mailboxes (id) ON DELETE CASCADE
            ) {_TABLE}
            """,
        ),
    ),
    Migration(
        version=5,
        usable_from=1,
        statements=(
            # mailbox_id 0: of the server. user_id 0: shared. account_id: whose account it goes with; 0: nobody's.
            # mark: another one for another value.
            f"""
            CREATE TABLE IF NOT EXISTS annotations (
                mailbox_id BIGINT       NOT NULL,
                user_id    BIGINT       NOT NULL,
                entry      VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
                mark       BIGINT       NOT NULL,
                account_id BIGINT       NOT NULL,
                value      MEDIUMBLOB   NOT NULL,
                PRIMARY KEY (mailbox_id, user_id, entry),
                KEY annotations_account (account_id)
            ) {_TABLE}
            """,
        ),
    ),
    Migration(
        version=6,
        usable_from=1,
        statements=(
            # What challenge mechanisms need of a password, with a digest of the hash that was written with it.
            "ALTER TABLE users ADD COLUMN challenge_secrets VARCHAR(1024) NOT NULL DEFAULT ''",
        ),
    ),
    Migration(
        version=7,
        usable_from=1,
        statements=(
            # Passwords made for one program each. digest: of the password, which has so much chance in it that it needs no
            # slow hash. scopes: separated by blanks. last_used_s: coarsely.
            f"""
            CREATE TABLE IF NOT EXISTS app_passwords (
                digest      BINARY(32)   NOT NULL,
                user_id     BIGINT       NOT NULL,
                label       VARCHAR(255) NOT NULL,
                scopes      VARCHAR(255) NOT NULL,
                created_s   BIGINT       NOT NULL,
                last_used_s BIGINT       NULL DEFAULT NULL,
                PRIMARY KEY (digest),
                UNIQUE KEY app_passwords_label (user_id, label),
                CONSTRAINT app_passwords_of_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
            ) {_TABLE}
            """,
        ),
    ),
)

CURRENT = MIGRATIONS[-1].version

CREATE_VERSIONS = f"""
    CREATE TABLE IF NOT EXISTS schema_version (
        version     INT    NOT NULL,
        usable_from INT    NOT NULL,
        applied_s   BIGINT NOT NULL,
        PRIMARY KEY (version)
    ) {_TABLE}
"""
