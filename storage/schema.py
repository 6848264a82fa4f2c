"""The tables, once, as SQLAlchemy metadata. Migrations and `storage.tables` alone import it.

Instants are BIGINT milliseconds since the epoch; JSON is TEXT. Ids are never reused.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
Instant = BigInteger


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, null: bool = True) -> Column[int]:
    return Column(name, Id, ForeignKey(f"{target}.id"), nullable=null)


def _busy(table: Table) -> None:
    """Let the keys of a table that every message writes to be checked on SQLite alone.

    There is nothing they could catch on PostgreSQL that they don't catch there, in every test:
    what they refer to is never deleted. And they cost half of what a message costs the server.
    """
    for constraint in table.foreign_key_constraints:
        constraint.ddl_if(dialect="sqlite")


def _text(name: str, default: str | None = "") -> Column[str]:
    server = None if default is None else text(f"'{default}'")
    return Column(name, Text, nullable=False, server_default=server)


def _number(name: str, default: int | None = 0) -> Column[int]:
    server = None if default is None else text(str(default))
    return Column(name, Instant, nullable=False, server_default=server)


def _flag(name: str) -> Column[bool]:
    return Column(
        name, Boolean(create_constraint=False), nullable=False, server_default=text("FALSE")
    )


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _where(name: str, *columns: object, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))  # type: ignore[arg-type]


# --- people ----------------------------------------------------------------------------

Table(
    "platforms", metadata, _id(),
    Column("code", Text, nullable=False, unique=True),
    _text("name", None), _text("level"), _ref("parent_id", "platforms"),
    _text("timezone"), _number("created_at", None),
    Index("ix_platforms_parent_id", "parent_id"),
)  # fmt: skip

Table(
    "organisations", metadata, _id(),
    _text("name", None), Column("name_key", Text, nullable=False, unique=True),
    _text("type"), _text("sector"), _number("created_at", None),
)  # fmt: skip

members = Table(
    "members", metadata, _id(),
    _text("state", "joining"), _text("alias"), _text("name"),
    _ref("platform_id", "platforms"), _text("type"), _text("sector"),
    _ref("organisation_id", "organisations"), _text("language"),
    _number("created_at", None), _number("joined_at"), _number("stopped_at"), _flag("introduced"),
    _flag("asked_again"),
    # "merged": an earlier self of somebody who linked two phones, kept for UNLINK.
    _one_of("state", "joining", "member", "merged", "erased"),
    Index("ix_members_platform_id", "platform_id"),
)  # fmt: skip

addresses = Table(
    "addresses", metadata, _id(),
    _text("channel", None), _text("value", None), _text("state", "ok"),
    _number("stopped_at"), _number("worked_at"), _number("created_at", None),
    # Automatic replies in the present hour and day, and notices given, against loops.
    _number("hour_at"), _number("hour_replies"), _number("day_at"), _number("day_replies"),
    _number("ticket_at"),
    # Wrong codes of LINK since an instant.
    _number("missed_at"), _number("misses"),
    UniqueConstraint("channel", "value"),
    _one_of("state", "ok", "dead", "blocked", "carrier", "group", "hidden"),
)  # fmt: skip

Table(
    "member_addresses", metadata,
    Column("member_id", Id, ForeignKey("members.id"), primary_key=True),
    Column("address_id", Id, ForeignKey("addresses.id"), primary_key=True),
    _number("linked_at", None),
    # The member whose phone this was before two became one.
    _ref("came_from", "members"),
    Index("ix_member_addresses_address_id", "address_id"),
    sqlite_with_rowid=False,
)  # fmt: skip

Table(
    "consents", metadata, _id(), _ref("member_id", "members", null=False),
    _text("version", None), _text("language"), _text("how", None), _text("given_on"),
    _ref("by_member_id", "members"), _number("given_at", None),
    Index("ix_consents_member_id", "member_id"),
)  # fmt: skip

Table(
    "roles", metadata,
    Column("member_id", Id, ForeignKey("members.id"), primary_key=True),
    Column("platform_id", Id, ForeignKey("platforms.id"), primary_key=True),
    Column("role", Text, primary_key=True),
    _number("granted_at", None), _ref("granted_by", "members"),
    _one_of("role", "documenter", "facilitator", "secretariat", "coordinator", "support"),
    Index("ix_roles_role", "role"),
    sqlite_with_rowid=False,
)  # fmt: skip

# Keyed hashes of numbers that must not be written to: nothing else is known of them.
Table(
    "barred", metadata, Column("hash", Text, primary_key=True),
    _text("reason", None), _number("at", None),
    _one_of("reason", "stopped", "no", "erased"),
    sqlite_with_rowid=False,
)  # fmt: skip

# Drafts of a language that a coordinator has accepted as they are: by a digest of its texts.
Table(
    "accepted_drafts", metadata, Column("language", Text, primary_key=True),
    Column("digest", Text, primary_key=True), _ref("by_member_id", "members"),
    _number("at", None),
    sqlite_with_rowid=False,
)  # fmt: skip

# --- asking ----------------------------------------------------------------------------

Table(
    "forms", metadata, _id(), _text("name", None), _number("version", None),
    _text("privacy", None), _text("body", None), _number("created_at", None),
    UniqueConstraint("name", "version"),
    _one_of("privacy", "anonymous", "counted", "named"),
)  # fmt: skip

Table(
    "rounds", metadata, _id(), Column("code", Text, nullable=False, unique=True),
    _ref("form_id", "forms", null=False), _ref("platform_id", "platforms"),
    _text("audience"), _text("state", "open"), _text("breakdown", "sector"),
    _number("opened_at", None), _number("closes_at"), _number("closed_at"),
    _text("result"), _ref("created_by", "members"),
    _one_of("state", "open", "closed"),
    _where("ix_rounds_closes_at", "closes_at", where="state = 'open'"),
    _where("ix_rounds_closed_at", "closed_at", where="state = 'closed'"),
)  # fmt: skip

Table(
    "answers", metadata,
    Column("round_id", Id, ForeignKey("rounds.id"), primary_key=True),
    Column("member_id", Id, ForeignKey("members.id"), primary_key=True),
    Column("question", SmallInteger, primary_key=True),
    _text("value", None), _number("at", None),
    sqlite_with_rowid=False,
)  # fmt: skip

# Who answered a closed round; without an instant.
Table(
    "respondents", metadata,
    Column("round_id", Id, ForeignKey("rounds.id"), primary_key=True),
    Column("member_id", Id, ForeignKey("members.id"), primary_key=True),
    sqlite_with_rowid=False,
)  # fmt: skip

# Where a member stands in a round: the question that is open, or waits for the next answer.
Table(
    "dialogs", metadata,
    Column("member_id", Id, ForeignKey("members.id"), primary_key=True),
    Column("round_id", Id, ForeignKey("rounds.id"), primary_key=True),
    _ref("address_id", "addresses"), Column("question", SmallInteger, nullable=False),
    _text("state", "open"), _number("tries"), _number("opened_at", None), _number("answered_at"),
    _text("scratch"),
    _one_of("state", "asked", "open", "done", "rested"),
    Index("ix_dialogs_round_id", "round_id"),
    sqlite_with_rowid=False,
)  # fmt: skip

# A confirmation that somebody was asked for: a four-digit code, and a button that carries it.
Table(
    "pending", metadata, _id(), _ref("address_id", "addresses", null=False),
    _ref("member_id", "members"), _text("act", None), _text("code", None), _text("body"),
    _number("tries"), _number("expires_at", None),
    UniqueConstraint("address_id"),
    sqlite_autoincrement=True,
)  # fmt: skip

Table(
    "tickets", metadata, _id(), _ref("member_id", "members"), _ref("address_id", "addresses"),
    _text("kind", "question"), _text("text"), _text("media"), _text("state", "open"),
    _number("created_at", None), _number("answered_at"), _number("overdue_at"),
    _one_of("state", "open", "answered"),
    Index("ix_tickets_member_id", "member_id"),
    _where("ix_tickets_address_id", "address_id", where="address_id IS NOT NULL"),
    _where("ix_tickets_open", "created_at", where="state = 'open'"),
    _where(
        "ix_tickets_overdue", "created_at",
        where="state = 'open' AND overdue_at = 0 AND kind IN ('question', 'media', 'call')",
    ),
)  # fmt: skip

# --- receiving -------------------------------------------------------------------------

Table(
    "inbound", metadata, _id(), _text("channel", None),
    # A keyed hash of the provider's message key: a Telegram key would hold the chat id.
    _text("key", None),
    _ref("address_id", "addresses"), _ref("member_id", "members"), _ref("round_id", "rounds"),
    _text("kind", None), _text("text"), _text("choice"), _text("media"),
    _text("state", "done"), _text("error"), _number("at", None),
    UniqueConstraint("channel", "key"),
    _one_of("state", "done", "failed", "replayed", "unreadable"),
    _where("ix_inbound_round_id", "round_id", where="round_id IS NOT NULL"),
    _where("ix_inbound_address_id", "address_id", where="address_id IS NOT NULL"),
    _where("ix_inbound_failed", "id", where="state = 'failed'"),
    _where("ix_inbound_text", "at", where="text <> '' OR choice <> '' OR media <> ''"),
)  # fmt: skip

# --- sending ---------------------------------------------------------------------------

Table(
    "batches", metadata, _id(), _text("kind", None), _ref("round_id", "rounds"),
    _ref("platform_id", "platforms"), _text("audience"), _text("texts", None),
    _flag("solicited"), _text("state", "queueing"), _number("cursor"), _number("recipients"),
    _number("due_at", None), _number("expires_at", None), _ref("created_by", "members"),
    _number("created_at", None),
    _one_of("kind", "announcement", "poll", "result"),
    _one_of("state", "scheduled", "queueing", "queued", "halted"),
    _where("ix_batches_due_at", "due_at", where="state IN ('scheduled', 'queueing')"),
    Index("ix_batches_round_id", "round_id"),
    _where("ix_batches_created_by", "created_by", "id", where="created_by IS NOT NULL"),
)  # fmt: skip

Table(
    "outbox", metadata, _id(), _ref("batch_id", "batches"),
    # 0 a reply, 1 unsolicited, 2 about what the person takes part in.
    Column("kind", SmallInteger, nullable=False),
    _ref("member_id", "members"), _ref("address_id", "addresses"),
    # The address of somebody of whom nothing is kept; blanked once it is settled.
    _text("recipient"),
    _text("channel", None), _text("status", "queued"), _text("reason"), _number("until_at"),
    _text("text"), _text("choices"), _text("language"),
    _ref("round_id", "rounds"), Column("question", SmallInteger),
    # A picture that goes with the text, by name; the provider's message that this one replaces.
    _text("picture"), _text("edits"),
    # Whose words a message to a coordinator has in it.
    _ref("ticket_id", "tickets"),
    _number("attempt"), _number("tries"), _number("lease_until"), _text("provider_id"),
    _number("segments"), _flag("maybe_twice"),
    # A digest of what left, for as long as its outcome is open.
    _text("said"),
    _number("queued_at", None), _number("sent_at"), _number("settled_at"),
    _number("expires_at", None),
    _one_of(
        "status", "queued", "held", "sending", "unknown", "sent", "delivered", "undelivered",
        "failed", "expired", "stopped", "unreachable", "cancelled",
    ),
    _where("ix_outbox_queued", "channel", "kind", "until_at", "id", where="status = 'queued'"),
    _where("ix_outbox_held", "until_at", where="status = 'held'"),
    _where("ix_outbox_sending", "address_id", where="status = 'sending'"),
    _where("ix_outbox_unknown", "channel", "until_at", where="status = 'unknown'"),
    _where(
        "ix_outbox_waiting", "member_id",
        where="status IN ('queued', 'held', 'sending', 'unknown')",
    ),
    _where("ix_outbox_told", "member_id", "sent_at", where="kind = 1 AND sent_at > 0"),
    _where("ix_outbox_provider", "channel", "provider_id", where="provider_id <> ''"),
    _where("ix_outbox_batch", "batch_id", "status", where="batch_id IS NOT NULL"),
    _where("ix_outbox_round", "round_id", where="round_id IS NOT NULL AND kind = 0"),
    _where("ix_outbox_address", "address_id", where="kind = 0 AND address_id IS NOT NULL"),
    _where("ix_outbox_ticket", "ticket_id", where="ticket_id IS NOT NULL"),
    _where("ix_outbox_old_replies", "queued_at", where="kind = 0"),
    # A receipt names its row: a pruned row's id must not be given to another.
    sqlite_autoincrement=True,
)  # fmt: skip

# Earlier attempts of a row; the row itself carries the present one.
Table(
    "attempts", metadata,
    Column("outbox_id", Id, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    _ref("address_id", "addresses"), _text("status", None), _text("error"), _text("provider_id"),
    _number("ended_at", None),
    _where("ix_attempts_provider", "provider_id", where="provider_id <> ''"),
    sqlite_with_rowid=False,
)  # fmt: skip

# The instant (microseconds) from which a channel may send its next message.
Table(
    "pace", metadata, Column("channel", Text, primary_key=True), _number("next_us"),
    sqlite_with_rowid=False,
)  # fmt: skip

Table(
    "spending", metadata, Column("channel", Text, primary_key=True),
    Column("month_at", Instant, primary_key=True), _number("segments"), _flag("told"),
    sqlite_with_rowid=False,
)  # fmt: skip

for name in ("answers", "respondents", "dialogs", "inbound", "outbox"):
    _busy(metadata.tables[name])

# --- accountability --------------------------------------------------------------------

# Ids, codes and counts only: so it can be append-only, and erasure be true.
Table(
    "audit", metadata, _id(), _number("at", None), _text("act", None), Column("by_member_id", Id),
    _text("subject"), _number("subject_id"), _number("count"),
    Index("ix_audit_at", "at"),
)  # fmt: skip

TRIGGERS = {
    "sqlite": (
        """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
        """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
        """CREATE TRIGGER platforms_no_cycle BEFORE UPDATE OF parent_id ON platforms
        WHEN NEW.id IN (WITH RECURSIVE up(id) AS (SELECT NEW.parent_id UNION
            SELECT p.parent_id FROM platforms p JOIN up ON p.id = up.id) SELECT id FROM up)
        BEGIN SELECT RAISE(ABORT, 'a platform can not lie below itself'); END""",
        """CREATE TRIGGER platforms_no_new_cycle BEFORE INSERT ON platforms
        WHEN NEW.id IN (WITH RECURSIVE up(id) AS (SELECT NEW.parent_id UNION
            SELECT p.parent_id FROM platforms p JOIN up ON p.id = up.id) SELECT id FROM up)
        BEGIN SELECT RAISE(ABORT, 'a platform can not lie below itself'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$""",
        """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()""",
        """CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()""",
        """CREATE FUNCTION platforms_make_a_tree() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
            IF NEW.id IN (WITH RECURSIVE up(id) AS (SELECT NEW.parent_id UNION
                SELECT p.parent_id FROM platforms p JOIN up ON p.id = up.id) SELECT id FROM up)
            THEN RAISE EXCEPTION 'a platform can not lie below itself'; END IF;
            RETURN NEW;
        END $$""",
        """CREATE TRIGGER platforms_no_cycle BEFORE INSERT OR UPDATE OF parent_id ON platforms
        FOR EACH ROW EXECUTE FUNCTION platforms_make_a_tree()""",
    ),
}
