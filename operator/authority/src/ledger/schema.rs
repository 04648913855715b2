//! The tables, version by version, in the SQL that both stores speak. Run by each store when it opens, in one transaction with the
//! number of the version. Never changed once released: a change is a new version.
//!
//! `TEXT` compares by bytes in both (`PostgreSQL` is told so), amounts are millionths, moments unix milliseconds. The checks are a last
//! belt: the book never lets them be tested. Rows of `sums` lie in the order of their key in both: `SQLite` is told so.
//! It begins as the chart that everyone sees first is grouped, by time and model: a week of it by the hour takes half as long as in any other.
//!
//! Version 2 leaves the records of version 1 with the arrival 0; `fill` gives them their numbers and adds them up. Version 3 takes the
//! payments of version 2 for done, and knows no price of what began before it.

/// What makes each version of the one before it; the first is version 1.
pub(super) const VERSIONS: &[&str] = &[
    r#"
CREATE TABLE accounts (
    key          TEXT PRIMARY KEY,
    top_up       BIGINT NOT NULL DEFAULT 0 CHECK (top_up >= 0),
    reserved     BIGINT NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    spent        BIGINT NOT NULL DEFAULT 0 CHECK (spent >= 0),
    expired      BIGINT NOT NULL DEFAULT 0 CHECK (expired >= 0),
    granted      BIGINT NOT NULL DEFAULT 0 CHECK (granted >= 0),
    topped_up    BIGINT NOT NULL DEFAULT 0,
    requests     BIGINT NOT NULL DEFAULT 0 CHECK (requests >= 0),
    last_used_ms BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE grants (
    key       TEXT NOT NULL,
    plan      TEXT NOT NULL,
    period    TEXT NOT NULL,
    ends_ms   BIGINT,
    amount    BIGINT NOT NULL CHECK (amount >= 0),
    remaining BIGINT NOT NULL CHECK (remaining >= 0),
    open      BIGINT NOT NULL,
    PRIMARY KEY (key, plan, period)
);
CREATE INDEX grants_open ON grants (key) WHERE open = 1;
CREATE INDEX grants_of_period ON grants (plan, period, key);
CREATE TABLE activations (
    key   TEXT NOT NULL,
    plan  TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (key, plan)
);
CREATE INDEX activations_of_plan ON activations (plan, key);
CREATE TABLE reservations (
    id               TEXT PRIMARY KEY,
    key              TEXT NOT NULL,
    plan             TEXT NOT NULL,
    spool            TEXT NOT NULL,
    allowance        BIGINT NOT NULL,
    unconfirmed_pays BIGINT NOT NULL,
    made_ms          BIGINT NOT NULL,
    amount           BIGINT NOT NULL CHECK (amount >= 0),
    held             BIGINT NOT NULL CHECK (held >= 0),
    top_up           BIGINT NOT NULL CHECK (top_up >= 0),
    parts            TEXT NOT NULL,
    resolved         BIGINT NOT NULL,
    resolved_ms      BIGINT NOT NULL
);
CREATE INDEX reservations_open ON reservations (made_ms) WHERE resolved = 0;
CREATE INDEX reservations_resolved ON reservations (resolved_ms) WHERE resolved > 0;
CREATE TABLE spools (
    spool   TEXT PRIMARY KEY,
    owner   TEXT NOT NULL DEFAULT '',
    upto    BIGINT NOT NULL DEFAULT 0 CHECK (upto >= 0),
    seen_ms BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE entries (
    id      TEXT PRIMARY KEY,
    key     TEXT NOT NULL,
    plan    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    amount  BIGINT NOT NULL,
    at_ms   BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    made_ms BIGINT NOT NULL
);
CREATE INDEX entries_of_key ON entries (key, made_ms);
CREATE TABLE records (
    id       TEXT PRIMARY KEY,
    key      TEXT NOT NULL,
    plan     TEXT NOT NULL,
    spool    TEXT NOT NULL,
    number   BIGINT NOT NULL,
    began_ms BIGINT NOT NULL,
    charged  BIGINT NOT NULL CHECK (charged >= 0),
    body     TEXT NOT NULL
);
CREATE INDEX records_of_key ON records (key, began_ms, id);
CREATE INDEX records_by_time ON records (began_ms, id);
"#,
    r#"
ALTER TABLE records ADD COLUMN arrival BIGINT NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE records ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE records ADD COLUMN status BIGINT NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN failed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX records_by_arrival ON records (arrival);
CREATE TABLE sums (
    span        BIGINT NOT NULL,
    from_ms     BIGINT NOT NULL,
    key         TEXT NOT NULL,
    plan        TEXT NOT NULL,
    channel     TEXT NOT NULL,
    model       TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    status      BIGINT NOT NULL,
    failed      BIGINT NOT NULL,
    calls       BIGINT NOT NULL,
    input       BIGINT NOT NULL,
    cached      BIGINT NOT NULL,
    cache_write BIGINT NOT NULL,
    output      BIGINT NOT NULL,
    credits     BIGINT NOT NULL,
    unpaid      BIGINT NOT NULL,
    cost        BIGINT NOT NULL,
    waste       BIGINT NOT NULL,
    latency_ms  BIGINT NOT NULL,
    first_ms    BIGINT NOT NULL,
    first_count BIGINT NOT NULL,
    PRIMARY KEY (span, from_ms, model, channel, plan, endpoint, status, failed, key)
) WITHOUT ROWID;
CREATE TABLE numbers (
    name TEXT PRIMARY KEY,
    n    BIGINT NOT NULL
);
INSERT INTO numbers VALUES ('arrivals', 0), ('deeds', 0), ('users', 0);
CREATE TABLE terms (
    key   TEXT NOT NULL,
    plan  TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (key, plan, at_ms)
);
CREATE INDEX terms_by_time ON terms (at_ms);
INSERT INTO terms SELECT key, plan, at_ms FROM activations
    UNION SELECT key, plan, at_ms FROM entries WHERE kind = 'renewal';
CREATE TABLE users (
    id              BIGINT PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    display_name    TEXT NOT NULL,
    role            TEXT NOT NULL,
    namespaces      TEXT NOT NULL,
    disabled        BIGINT NOT NULL,
    password        TEXT NOT NULL,
    created_ms      BIGINT NOT NULL,
    login_ms        BIGINT NOT NULL,
    failures        BIGINT NOT NULL,
    locked_until_ms BIGINT NOT NULL
);
CREATE TABLE sessions (
    digest  TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    made_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    ends_ms BIGINT NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE TABLE deeds (
    number  BIGINT PRIMARY KEY,
    at_ms   BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    what    TEXT NOT NULL,
    object  TEXT NOT NULL,
    detail  TEXT NOT NULL
);
CREATE TABLE payments (
    id       TEXT PRIMARY KEY,
    key      TEXT NOT NULL,
    plan     TEXT NOT NULL,
    credits  BIGINT NOT NULL,
    paid     BIGINT NOT NULL,
    currency TEXT NOT NULL,
    at_ms    BIGINT NOT NULL
);
CREATE INDEX payments_by_time ON payments (at_ms);
CREATE TABLE marks (
    key     TEXT NOT NULL,
    budget  TEXT NOT NULL,
    percent BIGINT NOT NULL,
    at_ms   BIGINT NOT NULL,
    PRIMARY KEY (key, budget)
);
"#,
    r#"
ALTER TABLE payments ADD COLUMN done BIGINT NOT NULL DEFAULT 1;
CREATE INDEX payments_undone ON payments (key) WHERE done = 0;
ALTER TABLE terms ADD COLUMN price BIGINT;
ALTER TABLE terms ADD COLUMN currency TEXT NOT NULL DEFAULT '';
"#,
];

/// The same in the words of `PostgreSQL`, whose texts compare by bytes where they are told to, and whose tables have no other order.
pub(super) fn of_postgres(sql: &str) -> String {
    sql.replace(" TEXT", " TEXT COLLATE \"C\"")
        .replace(" WITHOUT ROWID", "")
}

/// The newest version.
pub(super) fn known() -> i64 {
    i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX)
}

/// What is still to be run on a store of version `found`.
pub(super) fn missing(found: i64) -> impl Iterator<Item = (i64, &'static str)> {
    let numbered = (1..).zip(VERSIONS.iter().copied());
    numbered.filter(move |(version, _)| *version > found)
}
