-- The rows of an alliance's history, for both engines: row i of so many stands in [low to high].
-- {P} is how many people there are, {R} rounds and {B} batches; {ROW} is whom row i is about,
-- {AGO} when it was.

INSERT INTO platforms (id, code, name, parent_id, created_at)
  SELECT i, 'p' || i, 'Platform', CASE WHEN i = 1 THEN NULL ELSE i / 10 + 1 END, 1
  FROM [0 to 200];

INSERT INTO organisations (id, name, name_key, created_at)
  SELECT i, 'Aid ' || i, 'aid' || i, 1
  FROM [0 to 500];

INSERT INTO members (id, state, alias, platform_id, type, sector, organisation_id, language,
    created_at, joined_at, stopped_at, introduced)
  SELECT i, CASE WHEN i % 100 = 0 THEN 'joining' ELSE 'member' END, 'M' || i, 1 + i % 200,
    CASE i % 4 WHEN 0 THEN 'water_users' WHEN 1 THEN 'donor' WHEN 2 THEN 'media'
      ELSE 'business' END,
    CASE i % 3 WHEN 0 THEN 'public' WHEN 1 THEN 'private' ELSE 'civil' END,
    1 + i % 500, CASE i % 3 WHEN 0 THEN 'es' ELSE 'en' END, 1, 1,
    CASE WHEN i % 50 = 0 THEN 1 ELSE 0 END, i % 7 <> 0
  FROM [0 to {P}];

INSERT INTO addresses (id, channel, value, worked_at, created_at)
  SELECT i, CASE i % 10 WHEN 0 THEN 'telegram' ELSE 'sms' END, '+1202555' || (1000000 + i),
    {NOW} - i, 1
  FROM [0 to {P}];

INSERT INTO member_addresses (member_id, address_id, linked_at) SELECT i, i, 1 FROM [0 to {P}];

INSERT INTO consents (member_id, version, how, given_at) SELECT i, '1', 'sms', 1 FROM [0 to {P}];

INSERT INTO roles (member_id, platform_id, role, granted_at)
  SELECT i * 1000 - 1, 1 + i % 200, 'coordinator', 1
  FROM [0 to {P} / 1000];

INSERT INTO barred (hash, reason, at) SELECT 'h' || i, 'stopped', 1 FROM [0 to {P} / 100];

INSERT INTO pending (address_id, member_id, act, code, expires_at)
  SELECT i, i, 'poll', '0000', {NOW} + i - 10
  FROM [0 to 50];

INSERT INTO tickets (member_id, address_id, text, kind, state, created_at)
  SELECT i, i, 'When?', CASE i % 100 WHEN 0 THEN 'alert' ELSE 'question' END,
    CASE WHEN i % 50 = 0 THEN 'open' ELSE 'answered' END, {NOW} - i * 1000
  FROM [0 to {P} / 10];

-- Sign-up never closes; a check-in and a poll are open, all earlier rounds have closed.

INSERT INTO forms (id, name, version, privacy, body, created_at)
  SELECT i, 'form', i, 'anonymous', '{}', 1
  FROM [0 to {R}];

INSERT INTO rounds (id, code, form_id, state, opened_at, closes_at, closed_at)
  SELECT i, 'P' || i, i,
    CASE WHEN i IN ({SIGN_UP}, {CHECK_IN}, {POLL}) THEN 'open' ELSE 'closed' END,
    {NOW} - {DAY} * ({R} + 1 - i),
    CASE WHEN i = {SIGN_UP} THEN 0 ELSE {NOW} + {DAY} * (i - {R} + 1) END,
    CASE WHEN i IN ({SIGN_UP}, {CHECK_IN}, {POLL}) THEN 0 ELSE {NOW} + {DAY} * (i - {R} + 1) END
  FROM [0 to {R}];

-- Everyone has answered the poll; of ten check-ins the answers are kept.

INSERT INTO answers (round_id, member_id, question, value, at)
  SELECT {POLL}, i, 0, '' || (1 + i % 3), {NOW} - {DAY}
  FROM [0 to {P}];

INSERT INTO answers (round_id, member_id, question, value, at)
  SELECT 2 + (i - 1) * 10 / {P}, 1 + (i - 1) % ({P} / 10), 0, '' || (1 + i % 3), 1
  FROM [0 to {P}];

INSERT INTO respondents (round_id, member_id)
  SELECT 2 + (i - 1) * 10 / {P}, 1 + (i - 1) % ({P} / 10)
  FROM [0 to {P}];

INSERT INTO respondents (round_id, member_id) SELECT {R} - 2, i FROM [0 to {P}];

INSERT INTO dialogs (member_id, round_id, address_id, question, state, opened_at, answered_at)
  SELECT (i + 1) / 2, CASE i % 2 WHEN 1 THEN {SIGN_UP} ELSE {POLL} END, (i + 1) / 2, 0, 'done',
    {NOW} - {DAY}, {NOW} - {DAY}
  FROM [0 to {P} * 2];

-- Of what arrived only the poll's answers have still their words.

INSERT INTO inbound (channel, key, address_id, member_id, round_id, kind, text, state, at)
  SELECT 'sms', 'key' || i, {ROW}, {ROW}, CASE WHEN i > {P} THEN {POLL} ELSE NULL END, 'text',
    CASE WHEN i > {P} THEN '1' ELSE '' END,
    CASE i % 10000 WHEN 0 THEN 'failed' ELSE 'done' END, {NOW} - ({P} * 2 - i) * ({YEARS} / ({P} * 2))
  FROM [0 to {P} * 2];

INSERT INTO batches (id, kind, round_id, audience, texts, state, cursor, recipients, due_at,
    expires_at, created_at)
  SELECT i,
    CASE WHEN i = {ASKING} THEN 'poll' WHEN i % 4 = 0 AND i < {SENDING} THEN 'result'
      ELSE 'announcement' END,
    CASE WHEN i = {ASKING} THEN {POLL} WHEN i % 4 = 0 AND i < {SENDING} THEN 2 + i / 8
      ELSE NULL END,
    'all', '{"en": "Water is off."}', CASE WHEN i = {SENDING} THEN 'queueing' ELSE 'queued' END,
    {P} / 2, {P} / 8, 1, {NOW} + {DAY}, 1
  FROM [0 to {B}];

-- Announcements, of every member in turn.

INSERT INTO outbox (id, batch_id, kind, member_id, address_id, channel, status, provider_id,
    attempt, tries, segments, queued_at, sent_at, settled_at, expires_at)
  SELECT i, 1 + (i - 1) * ({B} - 20) / (6 * {P}), 1, {ROW}, {ROW}, 'sms', {SETTLED}, {SID}, 1, 1, 1,
    {AGO}, {AGO} + 9, {AGO} + 90, {AGO} + {DAY}
  FROM [0 to 6 * {P}];

-- The poll's question.

INSERT INTO outbox (id, batch_id, kind, member_id, address_id, channel, status, provider_id,
    round_id, question, attempt, tries, segments, queued_at, sent_at, settled_at, expires_at)
  SELECT i, {ASKING}, 1, {ROW}, {ROW}, 'sms', {SETTLED}, {SID}, {POLL}, 0, 1, 1, 1,
    {AGO}, {AGO} + 9, {AGO} + 90, {AGO} + {DAY}
  FROM [6 * {P} to 7 * {P}];

-- Results of earlier rounds.

INSERT INTO outbox (id, batch_id, kind, member_id, address_id, channel, status, provider_id,
    attempt, tries, segments, queued_at, sent_at, settled_at, expires_at)
  SELECT i, {B} - 19 + (i - 7 * {P} - 1) * 18 / {P}, 2, {ROW}, {ROW}, 'sms', {SETTLED}, {SID}, 1, 1, 1,
    {AGO}, {AGO} + 9, {AGO} + 90, {AGO} + {DAY}
  FROM [7 * {P} to 8 * {P}];

-- Replies; the poll's echoes have still their words.

INSERT INTO outbox (id, kind, member_id, address_id, channel, status, provider_id, text, round_id,
    attempt, tries, segments, queued_at, sent_at, settled_at, expires_at)
  SELECT i, 0, {ROW}, {ROW}, 'sms', {SETTLED}, {SID},
    CASE WHEN i > 9 * {P} THEN 'Thank you: 2 Price.' ELSE '' END,
    CASE WHEN i > 9 * {P} THEN {POLL} ELSE NULL END, 1, 1, 1,
    {AGO}, {AGO} + 9, {AGO} + 90, {AGO} + {DAY}
  FROM [8 * {P} to 10 * {P} - {P} / 4];

-- The broadcast that is under way.

INSERT INTO outbox (id, batch_id, kind, member_id, address_id, channel, status, reason, round_id,
    question, attempt, until_at, lease_until, queued_at, expires_at)
  SELECT i, {SENDING}, 1, {ROW}, {ROW}, 'sms',
    CASE WHEN i % 1000 = 0 THEN 'sending' WHEN i % 1000 = 1 THEN 'unknown'
      WHEN i % 10 = 2 THEN 'held' ELSE 'queued' END,
    CASE WHEN i % 20 = 2 THEN 'turn' WHEN i % 10 = 2 THEN 'quiet' ELSE '' END,
    CASE WHEN i % 20 = 2 THEN {CHECK_IN} ELSE NULL END, CASE WHEN i % 20 = 2 THEN 0 ELSE NULL END,
    CASE WHEN i % 1000 < 2 THEN 1 ELSE 0 END,
    CASE WHEN i % 1000 = 2 THEN {NOW} - 1 WHEN i % 10 = 2 THEN {NOW} + i
      WHEN i % 1000 = 1 THEN {NOW} - 5 ELSE 0 END,
    CASE WHEN i % 1000 < 2 THEN {NOW} + i ELSE 0 END, {NOW} - 5,
    CASE WHEN i % 1000 = 2 THEN {NOW} - 1 ELSE {NOW} + {DAY} END
  FROM [10 * {P} - {P} / 4 to 10 * {P}];

INSERT INTO attempts (outbox_id, attempt, address_id, status, provider_id, ended_at)
  SELECT i * 20, 0, 1 + i * 20 % {P}, 'unknown', 'SF' || i, 1
  FROM [0 to {P} / 10];

INSERT INTO audit (at, act, subject, subject_id)
  SELECT {NOW} - i, 'announcement', 'batch', i
  FROM [0 to {P} / 5];

INSERT INTO spending (channel, month_at, segments) SELECT 'sms', i, 100 FROM [0 to 24];

INSERT INTO pace (channel, next_us) SELECT 'sms', 1 FROM [0 to 1];
