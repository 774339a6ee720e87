PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE accounts (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "accounts" VALUES('acc-1',1,'{"id":"acc-1","version":1,"created_at":"2096-11-23T09:30:00.123456Z","updated_at":"2096-11-23T09:30:00.123456Z","name":"Acme","business_name":"Acme Ltd","plan":"starter","timezone":"UTC","default_region":"US","threecx_enabled":true,"paused":false,"daily_limit":null,"blocked_words":[],"opt_out_words":[],"opt_in_words":[],"retention_days":365,"legal_hold":false}');
CREATE TABLE conversations (number_id TEXT NOT NULL, customer_key TEXT NOT NULL, last_inbound_at INTEGER,
  closed_at INTEGER, PRIMARY KEY (number_id, customer_key)) WITHOUT ROWID;
INSERT INTO "conversations" VALUES('num-1','c1',1795435200000000,NULL);
CREATE TABLE cooldowns (id TEXT NOT NULL UNIQUE, event_id TEXT NOT NULL, until INTEGER NOT NULL,
  at INTEGER NOT NULL);
CREATE TABLE customer_links (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, main_key TEXT NOT NULL,
  relation TEXT NOT NULL, linked_at INTEGER NOT NULL, contact TEXT, contact_at INTEGER,
  PRIMARY KEY (account_id, customer_key)) WITHOUT ROWID;
CREATE TABLE dead_letters (id TEXT PRIMARY KEY, queue TEXT NOT NULL, account_id TEXT, died_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, replayed_at INTEGER, replayed_by TEXT, body TEXT NOT NULL, sealed TEXT NOT NULL, discarded_at INTEGER, discarded_by TEXT)
  WITHOUT ROWID;
CREATE TABLE decisions (event_id TEXT NOT NULL UNIQUE, outcome BLOB NOT NULL, at INTEGER NOT NULL,
  account_id TEXT, day TEXT, month TEXT, reserved INTEGER NOT NULL);
INSERT INTO "decisions" VALUES('event-1',X'7B22726561736F6E223A22617070726F766564227D',4004501400123456,'acc-1','2026-11-23','2026-11',1);
CREATE TABLE erased_customers (marker TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE erasures (id TEXT PRIMARY KEY, at INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE errands (id TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL, done_at INTEGER, taken_at INTEGER) WITHOUT ROWID;
CREATE TABLE identities (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, partner TEXT NOT NULL,
  at INTEGER NOT NULL, merged INTEGER NOT NULL, PRIMARY KEY (account_id, customer_key)) WITHOUT ROWID;
CREATE TABLE integrations (id TEXT PRIMARY KEY, account_id TEXT NOT NULL, instance_id TEXT NOT NULL,
  version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "integrations" VALUES('int-1','acc-1','num-1',1,'{"id":"int-1","version":1,"created_at":"2096-11-23T09:30:00.123456Z","updated_at":"2096-11-23T09:30:00.123456Z","account_id":"acc-1","instance_id":"num-1","auth_mode":"secret","allowed_ips":[],"enabled":true,"inbound_enabled":true,"outbound_enabled":true,"call_events_enabled":true,"strict_window":true,"dialect":"auto","number_format":"auto","allow_get":false,"extension_roles":{},"business_hours":null,"templates":{},"forward_url":null,"secrets":[],"path_tokens":[],"sealed_forward_secret":null,"window_template":null}');
CREATE TABLE known_stops (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, kind TEXT NOT NULL,
  request TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE (account_id, customer_key, kind, request));
CREATE TABLE lifting_words (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, kind TEXT NOT NULL,
  word TEXT NOT NULL, lifted TEXT, at INTEGER NOT NULL, UNIQUE (account_id, customer_key, kind, word));
CREATE TABLE lifts (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (account_id, customer_key, kind)) WITHOUT ROWID;
CREATE TABLE numbers (id TEXT PRIMARY KEY, account_id TEXT NOT NULL, phone_number_id TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL, body TEXT NOT NULL, business_account_id TEXT) WITHOUT ROWID;
INSERT INTO "numbers" VALUES('num-1','acc-1','provider-num-1',1,'{"id":"num-1","version":1,"created_at":"2096-11-23T09:30:00.123456Z","updated_at":"2096-11-23T09:30:00.123456Z","account_id":"acc-1","provider":"cloud_api","phone_number_id":"provider-num-1","sealed_token":"k1:nonce:sealed","messages_per_second":80.0,"paused":false,"base_url":null,"webhook_secrets":[],"business_account_id":null}',NULL);
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  body BLOB NOT NULL, at_s REAL NOT NULL);
INSERT INTO "outbox" VALUES(1,'00000000-0000-0000-0000-000000000001','account.changed',X'7B226163746F72223A226F70227D',4.00450140012345600108e+09);
CREATE TABLE probes (id INTEGER PRIMARY KEY CHECK (id = 1), writes INTEGER NOT NULL);
CREATE TABLE restrictions (slot TEXT PRIMARY KEY, id TEXT, account_id TEXT NOT NULL, scope TEXT NOT NULL, key TEXT,
  kind TEXT, customer_key TEXT, number_id TEXT, cause TEXT, since INTEGER, until INTEGER, added_by TEXT,
  probe_at INTEGER, detail TEXT, reported_at INTEGER, lifted_at INTEGER, active INTEGER NOT NULL, kept_until INTEGER)
  WITHOUT ROWID;
CREATE TABLE speeds (account_id TEXT PRIMARY KEY, slot INTEGER NOT NULL, count INTEGER NOT NULL,
  normal REAL NOT NULL) WITHOUT ROWID;
INSERT INTO "speeds" VALUES('acc-1',6674169,1,0.0);
CREATE TABLE suppressions (id TEXT PRIMARY KEY, account_id TEXT NOT NULL, customer_key TEXT NOT NULL,
  masked_phone TEXT NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL, reason TEXT, actor TEXT,
  since INTEGER NOT NULL, evidence TEXT NOT NULL, active INTEGER NOT NULL, repeated_at INTEGER NOT NULL, asked_at INTEGER);
INSERT INTO "suppressions" VALUES('sup-1','acc-1','customer-1','+9665•••••000','opt_out','keyword',NULL,NULL,4004501400123456,'{}',1,4004501400123456,4004501400000000);
CREATE TABLE template_recipients (owner TEXT NOT NULL, customer_key TEXT NOT NULL, account_id TEXT NOT NULL,
  at INTEGER NOT NULL, UNIQUE (owner, customer_key));
CREATE TABLE tokens (id TEXT PRIMARY KEY, label TEXT NOT NULL, role TEXT NOT NULL, accounts TEXT,
  sha256 TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER NOT NULL,
  revoked_at INTEGER, revoked_by TEXT, last_used_at INTEGER) WITHOUT ROWID;
CREATE TABLE turns (seq INTEGER PRIMARY KEY AUTOINCREMENT, pair TEXT NOT NULL, event_id TEXT NOT NULL,
  at INTEGER NOT NULL, UNIQUE (pair, event_id));
CREATE TABLE used (account_id TEXT NOT NULL, period TEXT NOT NULL, messages INTEGER NOT NULL,
  PRIMARY KEY (account_id, period)) WITHOUT ROWID;
INSERT INTO "used" VALUES('acc-1','2026-11',1);
INSERT INTO "used" VALUES('acc-1','2026-11-23',1);
CREATE TABLE verifications (scope TEXT PRIMARY KEY, sound INTEGER NOT NULL, verified_at INTEGER, failed_at INTEGER,
  fault TEXT) WITHOUT ROWID;
CREATE TABLE verified_places (chain TEXT PRIMARY KEY, checkpoint INTEGER NOT NULL, seq INTEGER NOT NULL,
  hash BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX numbers_of_account ON numbers (account_id, id);
CREATE INDEX numbers_of_business_account ON numbers (business_account_id, id) WHERE business_account_id IS NOT NULL;
CREATE INDEX integrations_of_account ON integrations (account_id, id);
CREATE INDEX integrations_of_number ON integrations (instance_id, id);
CREATE UNIQUE INDEX suppressed ON suppressions (account_id, customer_key, kind) WHERE active = 1;
CREATE INDEX suppressions_of_customer ON suppressions (account_id, customer_key, kind, since);
CREATE INDEX suppressions_of_account ON suppressions (account_id, id) WHERE active = 1;
CREATE INDEX customer_links_of_main_key ON customer_links (account_id, main_key);
CREATE INDEX restrictions_by_id ON restrictions (id) WHERE active = 1;
CREATE INDEX restrictions_of_scope ON restrictions (scope, id) WHERE active = 1;
CREATE INDEX restrictions_of_account ON restrictions (account_id, id) WHERE active = 1;
CREATE INDEX restrictions_of_account_and_scope ON restrictions (account_id, scope, id) WHERE active = 1;
CREATE INDEX restrictions_by_cause ON restrictions (scope, cause, until) WHERE active = 1;
CREATE INDEX restrictions_of_customer ON restrictions (customer_key) WHERE customer_key IS NOT NULL;
CREATE INDEX restrictions_by_end ON restrictions (kept_until) WHERE kept_until IS NOT NULL;
CREATE INDEX template_recipients_by_time ON template_recipients (owner, at, customer_key);
CREATE INDEX template_recipients_of_customer ON template_recipients (customer_key);
CREATE INDEX cooldowns_of_event ON cooldowns (event_id);
CREATE INDEX turns_of_pair ON turns (pair, seq);
CREATE INDEX dead_letters_by_end ON dead_letters (expires_at);
CREATE INDEX dead_letters_of_queue ON dead_letters (queue) WHERE replayed_at IS NULL;
CREATE INDEX erased_customers_by_time ON erased_customers (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',1);
COMMIT;
