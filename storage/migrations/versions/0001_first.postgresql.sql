CREATE TABLE addresses (
    id BIGSERIAL NOT NULL,
    channel TEXT NOT NULL,
    value TEXT NOT NULL,
    state TEXT DEFAULT 'ok' NOT NULL,
    stopped_at BIGINT DEFAULT 0 NOT NULL,
    worked_at BIGINT DEFAULT 0 NOT NULL,
    created_at BIGINT NOT NULL,
    hour_at BIGINT DEFAULT 0 NOT NULL,
    hour_replies BIGINT DEFAULT 0 NOT NULL,
    day_at BIGINT DEFAULT 0 NOT NULL,
    day_replies BIGINT DEFAULT 0 NOT NULL,
    ticket_at BIGINT DEFAULT 0 NOT NULL,
    missed_at BIGINT DEFAULT 0 NOT NULL,
    misses BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_addresses PRIMARY KEY (id),
    CONSTRAINT uq_addresses_channel_value UNIQUE (channel, value),
    CONSTRAINT ck_addresses_state CHECK (state IN ('ok', 'dead', 'blocked', 'carrier', 'group', 'hidden'))
);

CREATE TABLE audit (
    id BIGSERIAL NOT NULL,
    at BIGINT NOT NULL,
    act TEXT NOT NULL,
    by_member_id BIGINT,
    subject TEXT DEFAULT '' NOT NULL,
    subject_id BIGINT DEFAULT 0 NOT NULL,
    count BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (id)
);

CREATE INDEX ix_audit_at ON audit (at);

CREATE TABLE barred (
    hash TEXT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT pk_barred PRIMARY KEY (hash),
    CONSTRAINT ck_barred_reason CHECK (reason IN ('stopped', 'no', 'erased'))
);

CREATE TABLE forms (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    privacy TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_forms PRIMARY KEY (id),
    CONSTRAINT uq_forms_name_version UNIQUE (name, version),
    CONSTRAINT ck_forms_privacy CHECK (privacy IN ('anonymous', 'counted', 'named'))
);

CREATE TABLE organisations (
    id BIGSERIAL NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    type TEXT DEFAULT '' NOT NULL,
    sector TEXT DEFAULT '' NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_organisations PRIMARY KEY (id),
    CONSTRAINT uq_organisations_name_key UNIQUE (name_key)
);

CREATE TABLE pace (
    channel TEXT NOT NULL,
    next_us BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_pace PRIMARY KEY (channel)
);

CREATE TABLE platforms (
    id BIGSERIAL NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    level TEXT DEFAULT '' NOT NULL,
    parent_id BIGINT,
    timezone TEXT DEFAULT '' NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_platforms PRIMARY KEY (id),
    CONSTRAINT uq_platforms_code UNIQUE (code),
    CONSTRAINT fk_platforms_parent_id FOREIGN KEY(parent_id) REFERENCES platforms (id)
);

CREATE INDEX ix_platforms_parent_id ON platforms (parent_id);

CREATE TABLE spending (
    channel TEXT NOT NULL,
    month_at BIGINT NOT NULL,
    segments BIGINT DEFAULT 0 NOT NULL,
    told BOOLEAN DEFAULT FALSE NOT NULL,
    CONSTRAINT pk_spending PRIMARY KEY (channel, month_at)
);

CREATE TABLE members (
    id BIGSERIAL NOT NULL,
    state TEXT DEFAULT 'joining' NOT NULL,
    alias TEXT DEFAULT '' NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    platform_id BIGINT,
    type TEXT DEFAULT '' NOT NULL,
    sector TEXT DEFAULT '' NOT NULL,
    organisation_id BIGINT,
    language TEXT DEFAULT '' NOT NULL,
    created_at BIGINT NOT NULL,
    joined_at BIGINT DEFAULT 0 NOT NULL,
    stopped_at BIGINT DEFAULT 0 NOT NULL,
    introduced BOOLEAN DEFAULT FALSE NOT NULL,
    asked_again BOOLEAN DEFAULT FALSE NOT NULL,
    CONSTRAINT pk_members PRIMARY KEY (id),
    CONSTRAINT ck_members_state CHECK (state IN ('joining', 'member', 'merged', 'erased')),
    CONSTRAINT fk_members_platform_id FOREIGN KEY(platform_id) REFERENCES platforms (id),
    CONSTRAINT fk_members_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id)
);

CREATE INDEX ix_members_platform_id ON members (platform_id);

CREATE TABLE accepted_drafts (
    language TEXT NOT NULL,
    digest TEXT NOT NULL,
    by_member_id BIGINT,
    at BIGINT NOT NULL,
    CONSTRAINT pk_accepted_drafts PRIMARY KEY (language, digest),
    CONSTRAINT fk_accepted_drafts_by_member_id FOREIGN KEY(by_member_id) REFERENCES members (id)
);

CREATE TABLE consents (
    id BIGSERIAL NOT NULL,
    member_id BIGINT NOT NULL,
    version TEXT NOT NULL,
    language TEXT DEFAULT '' NOT NULL,
    how TEXT NOT NULL,
    given_on TEXT DEFAULT '' NOT NULL,
    by_member_id BIGINT,
    given_at BIGINT NOT NULL,
    CONSTRAINT pk_consents PRIMARY KEY (id),
    CONSTRAINT fk_consents_member_id FOREIGN KEY(member_id) REFERENCES members (id),
    CONSTRAINT fk_consents_by_member_id FOREIGN KEY(by_member_id) REFERENCES members (id)
);

CREATE INDEX ix_consents_member_id ON consents (member_id);

CREATE TABLE member_addresses (
    member_id BIGINT NOT NULL,
    address_id BIGINT NOT NULL,
    linked_at BIGINT NOT NULL,
    came_from BIGINT,
    CONSTRAINT pk_member_addresses PRIMARY KEY (member_id, address_id),
    CONSTRAINT fk_member_addresses_member_id FOREIGN KEY(member_id) REFERENCES members (id),
    CONSTRAINT fk_member_addresses_address_id FOREIGN KEY(address_id) REFERENCES addresses (id),
    CONSTRAINT fk_member_addresses_came_from FOREIGN KEY(came_from) REFERENCES members (id)
);

CREATE INDEX ix_member_addresses_address_id ON member_addresses (address_id);

CREATE TABLE pending (
    id BIGSERIAL NOT NULL,
    address_id BIGINT NOT NULL,
    member_id BIGINT,
    act TEXT NOT NULL,
    code TEXT NOT NULL,
    body TEXT DEFAULT '' NOT NULL,
    tries BIGINT DEFAULT 0 NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT pk_pending PRIMARY KEY (id),
    CONSTRAINT uq_pending_address_id UNIQUE (address_id),
    CONSTRAINT fk_pending_address_id FOREIGN KEY(address_id) REFERENCES addresses (id),
    CONSTRAINT fk_pending_member_id FOREIGN KEY(member_id) REFERENCES members (id)
);

CREATE TABLE roles (
    member_id BIGINT NOT NULL,
    platform_id BIGINT NOT NULL,
    role TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    granted_by BIGINT,
    CONSTRAINT pk_roles PRIMARY KEY (member_id, platform_id, role),
    CONSTRAINT ck_roles_role CHECK (role IN ('documenter', 'facilitator', 'secretariat', 'coordinator', 'support')),
    CONSTRAINT fk_roles_member_id FOREIGN KEY(member_id) REFERENCES members (id),
    CONSTRAINT fk_roles_platform_id FOREIGN KEY(platform_id) REFERENCES platforms (id),
    CONSTRAINT fk_roles_granted_by FOREIGN KEY(granted_by) REFERENCES members (id)
);

CREATE INDEX ix_roles_role ON roles (role);

CREATE TABLE rounds (
    id BIGSERIAL NOT NULL,
    code TEXT NOT NULL,
    form_id BIGINT NOT NULL,
    platform_id BIGINT,
    audience TEXT DEFAULT '' NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    breakdown TEXT DEFAULT 'sector' NOT NULL,
    opened_at BIGINT NOT NULL,
    closes_at BIGINT DEFAULT 0 NOT NULL,
    closed_at BIGINT DEFAULT 0 NOT NULL,
    result TEXT DEFAULT '' NOT NULL,
    created_by BIGINT,
    CONSTRAINT pk_rounds PRIMARY KEY (id),
    CONSTRAINT ck_rounds_state CHECK (state IN ('open', 'closed')),
    CONSTRAINT uq_rounds_code UNIQUE (code),
    CONSTRAINT fk_rounds_form_id FOREIGN KEY(form_id) REFERENCES forms (id),
    CONSTRAINT fk_rounds_platform_id FOREIGN KEY(platform_id) REFERENCES platforms (id),
    CONSTRAINT fk_rounds_created_by FOREIGN KEY(created_by) REFERENCES members (id)
);

CREATE INDEX ix_rounds_closed_at ON rounds (closed_at) WHERE state = 'closed';

CREATE INDEX ix_rounds_closes_at ON rounds (closes_at) WHERE state = 'open';

CREATE TABLE tickets (
    id BIGSERIAL NOT NULL,
    member_id BIGINT,
    address_id BIGINT,
    kind TEXT DEFAULT 'question' NOT NULL,
    text TEXT DEFAULT '' NOT NULL,
    media TEXT DEFAULT '' NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    created_at BIGINT NOT NULL,
    answered_at BIGINT DEFAULT 0 NOT NULL,
    overdue_at BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_tickets PRIMARY KEY (id),
    CONSTRAINT ck_tickets_state CHECK (state IN ('open', 'answered')),
    CONSTRAINT fk_tickets_member_id FOREIGN KEY(member_id) REFERENCES members (id),
    CONSTRAINT fk_tickets_address_id FOREIGN KEY(address_id) REFERENCES addresses (id)
);

CREATE INDEX ix_tickets_address_id ON tickets (address_id) WHERE address_id IS NOT NULL;

CREATE INDEX ix_tickets_member_id ON tickets (member_id);

CREATE INDEX ix_tickets_open ON tickets (created_at) WHERE state = 'open';

CREATE INDEX ix_tickets_overdue ON tickets (created_at) WHERE state = 'open' AND overdue_at = 0 AND kind IN ('question', 'media', 'call');

CREATE TABLE answers (
    round_id BIGINT NOT NULL,
    member_id BIGINT NOT NULL,
    question SMALLINT NOT NULL,
    value TEXT NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT pk_answers PRIMARY KEY (round_id, member_id, question)
);

CREATE TABLE batches (
    id BIGSERIAL NOT NULL,
    kind TEXT NOT NULL,
    round_id BIGINT,
    platform_id BIGINT,
    audience TEXT DEFAULT '' NOT NULL,
    texts TEXT NOT NULL,
    solicited BOOLEAN DEFAULT FALSE NOT NULL,
    state TEXT DEFAULT 'queueing' NOT NULL,
    cursor BIGINT DEFAULT 0 NOT NULL,
    recipients BIGINT DEFAULT 0 NOT NULL,
    due_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_by BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT pk_batches PRIMARY KEY (id),
    CONSTRAINT ck_batches_kind CHECK (kind IN ('announcement', 'poll', 'result')),
    CONSTRAINT ck_batches_state CHECK (state IN ('scheduled', 'queueing', 'queued', 'halted')),
    CONSTRAINT fk_batches_round_id FOREIGN KEY(round_id) REFERENCES rounds (id),
    CONSTRAINT fk_batches_platform_id FOREIGN KEY(platform_id) REFERENCES platforms (id),
    CONSTRAINT fk_batches_created_by FOREIGN KEY(created_by) REFERENCES members (id)
);

CREATE INDEX ix_batches_created_by ON batches (created_by, id) WHERE created_by IS NOT NULL;

CREATE INDEX ix_batches_due_at ON batches (due_at) WHERE state IN ('scheduled', 'queueing');

CREATE INDEX ix_batches_round_id ON batches (round_id);

CREATE TABLE dialogs (
    member_id BIGINT NOT NULL,
    round_id BIGINT NOT NULL,
    address_id BIGINT,
    question SMALLINT NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    tries BIGINT DEFAULT 0 NOT NULL,
    opened_at BIGINT NOT NULL,
    answered_at BIGINT DEFAULT 0 NOT NULL,
    scratch TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_dialogs PRIMARY KEY (member_id, round_id),
    CONSTRAINT ck_dialogs_state CHECK (state IN ('asked', 'open', 'done', 'rested'))
);

CREATE INDEX ix_dialogs_round_id ON dialogs (round_id);

CREATE TABLE inbound (
    id BIGSERIAL NOT NULL,
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    address_id BIGINT,
    member_id BIGINT,
    round_id BIGINT,
    kind TEXT NOT NULL,
    text TEXT DEFAULT '' NOT NULL,
    choice TEXT DEFAULT '' NOT NULL,
    media TEXT DEFAULT '' NOT NULL,
    state TEXT DEFAULT 'done' NOT NULL,
    error TEXT DEFAULT '' NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT pk_inbound PRIMARY KEY (id),
    CONSTRAINT uq_inbound_channel_key UNIQUE (channel, key),
    CONSTRAINT ck_inbound_state CHECK (state IN ('done', 'failed', 'replayed', 'unreadable'))
);

CREATE INDEX ix_inbound_address_id ON inbound (address_id) WHERE address_id IS NOT NULL;

CREATE INDEX ix_inbound_failed ON inbound (id) WHERE state = 'failed';

CREATE INDEX ix_inbound_round_id ON inbound (round_id) WHERE round_id IS NOT NULL;

CREATE INDEX ix_inbound_text ON inbound (at) WHERE text <> '' OR choice <> '' OR media <> '';

CREATE TABLE respondents (
    round_id BIGINT NOT NULL,
    member_id BIGINT NOT NULL,
    CONSTRAINT pk_respondents PRIMARY KEY (round_id, member_id)
);

CREATE TABLE outbox (
    id BIGSERIAL NOT NULL,
    batch_id BIGINT,
    kind SMALLINT NOT NULL,
    member_id BIGINT,
    address_id BIGINT,
    recipient TEXT DEFAULT '' NOT NULL,
    channel TEXT NOT NULL,
    status TEXT DEFAULT 'queued' NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    until_at BIGINT DEFAULT 0 NOT NULL,
    text TEXT DEFAULT '' NOT NULL,
    choices TEXT DEFAULT '' NOT NULL,
    language TEXT DEFAULT '' NOT NULL,
    round_id BIGINT,
    question SMALLINT,
    picture TEXT DEFAULT '' NOT NULL,
    edits TEXT DEFAULT '' NOT NULL,
    ticket_id BIGINT,
    attempt BIGINT DEFAULT 0 NOT NULL,
    tries BIGINT DEFAULT 0 NOT NULL,
    lease_until BIGINT DEFAULT 0 NOT NULL,
    provider_id TEXT DEFAULT '' NOT NULL,
    segments BIGINT DEFAULT 0 NOT NULL,
    maybe_twice BOOLEAN DEFAULT FALSE NOT NULL,
    said TEXT DEFAULT '' NOT NULL,
    queued_at BIGINT NOT NULL,
    sent_at BIGINT DEFAULT 0 NOT NULL,
    settled_at BIGINT DEFAULT 0 NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT pk_outbox PRIMARY KEY (id),
    CONSTRAINT ck_outbox_status CHECK (status IN ('queued', 'held', 'sending', 'unknown', 'sent', 'delivered', 'undelivered', 'failed', 'expired', 'stopped', 'unreachable', 'cancelled'))
);

CREATE INDEX ix_outbox_address ON outbox (address_id) WHERE kind = 0 AND address_id IS NOT NULL;

CREATE INDEX ix_outbox_batch ON outbox (batch_id, status) WHERE batch_id IS NOT NULL;

CREATE INDEX ix_outbox_held ON outbox (until_at) WHERE status = 'held';

CREATE INDEX ix_outbox_old_replies ON outbox (queued_at) WHERE kind = 0;

CREATE INDEX ix_outbox_provider ON outbox (channel, provider_id) WHERE provider_id <> '';

CREATE INDEX ix_outbox_queued ON outbox (channel, kind, until_at, id) WHERE status = 'queued';

CREATE INDEX ix_outbox_round ON outbox (round_id) WHERE round_id IS NOT NULL AND kind = 0;

CREATE INDEX ix_outbox_sending ON outbox (address_id) WHERE status = 'sending';

CREATE INDEX ix_outbox_ticket ON outbox (ticket_id) WHERE ticket_id IS NOT NULL;

CREATE INDEX ix_outbox_told ON outbox (member_id, sent_at) WHERE kind = 1 AND sent_at > 0;

CREATE INDEX ix_outbox_unknown ON outbox (channel, until_at) WHERE status = 'unknown';

CREATE INDEX ix_outbox_waiting ON outbox (member_id) WHERE status IN ('queued', 'held', 'sending', 'unknown');

CREATE TABLE attempts (
    outbox_id BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    address_id BIGINT,
    status TEXT NOT NULL,
    error TEXT DEFAULT '' NOT NULL,
    provider_id TEXT DEFAULT '' NOT NULL,
    ended_at BIGINT NOT NULL,
    CONSTRAINT pk_attempts PRIMARY KEY (outbox_id, attempt),
    CONSTRAINT fk_attempts_outbox_id FOREIGN KEY(outbox_id) REFERENCES outbox (id) ON DELETE CASCADE,
    CONSTRAINT fk_attempts_address_id FOREIGN KEY(address_id) REFERENCES addresses (id)
);

CREATE INDEX ix_attempts_provider ON attempts (provider_id) WHERE provider_id <> '';

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$;

CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

CREATE FUNCTION platforms_make_a_tree() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF NEW.id IN (WITH RECURSIVE up(id) AS (SELECT NEW.parent_id UNION
        SELECT p.parent_id FROM platforms p JOIN up ON p.id = up.id) SELECT id FROM up)
    THEN RAISE EXCEPTION 'a platform can not lie below itself'; END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER platforms_no_cycle BEFORE INSERT OR UPDATE OF parent_id ON platforms
FOR EACH ROW EXECUTE FUNCTION platforms_make_a_tree();
