"""The tables of each SQLite file, and the schema version. Each statement is a step (`libs.store.sqlite.steps`).

An added table, column or index needs no new version: `gateway migrate` makes what is missing, and a start what costs
nothing. A new version is for a change that an older release would misread; services then wait for `gateway migrate`.

The rule: each service that writes on the message path has its own file, so that processes do not wait for one lock.
`probes` has one row, which the readiness probe rewrites.
Times are microseconds since 1970 unless a column ends in `_s`: Unix seconds as a float.
"""

VERSION = 3
"""3: records of format 2, whose hashes an older release computes without producer and time of recording;
do-not-contact hashes that an older release does not look for."""

MAIN = """
CREATE TABLE accounts (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE numbers (id TEXT PRIMARY KEY, account_id TEXT NOT NULL, phone_number_id TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX numbers_of_account ON numbers (account_id, id);
ALTER TABLE numbers ADD COLUMN business_account_id TEXT;
CREATE INDEX numbers_of_business_account ON numbers (business_account_id, id) WHERE business_account_id IS NOT NULL;
CREATE TABLE integrations (id TEXT PRIMARY KEY, account_id TEXT NOT NULL, instance_id TEXT NOT NULL,
  version INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX integrations_of_account ON integrations (account_id, id);
CREATE INDEX integrations_of_number ON integrations (instance_id, id);
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  body BLOB NOT NULL, at_s REAL NOT NULL);
CREATE TABLE conversations (number_id TEXT NOT NULL, customer_key TEXT NOT NULL, last_inbound_at INTEGER,
  closed_at INTEGER, PRIMARY KEY (number_id, customer_key)) WITHOUT ROWID;
CREATE TABLE suppressions (id TEXT PRIMARY KEY, account_id TEXT NOT NULL, customer_key TEXT NOT NULL,
  masked_phone TEXT NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL, reason TEXT, actor TEXT,
  since INTEGER NOT NULL, evidence TEXT NOT NULL, active INTEGER NOT NULL, repeated_at INTEGER NOT NULL);
CREATE UNIQUE INDEX suppressed ON suppressions (account_id, customer_key, kind) WHERE active = 1;
CREATE INDEX suppressions_of_customer ON suppressions (account_id, customer_key, kind, since);
CREATE INDEX suppressions_of_account ON suppressions (account_id, id) WHERE active = 1;
CREATE INDEX suppressions_left ON suppressions (account_id, active, customer_key) WHERE source = 'erasure';
CREATE TABLE lifts (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (account_id, customer_key, kind)) WITHOUT ROWID;
CREATE TABLE lifting_words (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, kind TEXT NOT NULL,
  word TEXT NOT NULL, lifted TEXT, at INTEGER NOT NULL, UNIQUE (account_id, customer_key, kind, word));
CREATE TABLE known_stops (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, kind TEXT NOT NULL,
  request TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE (account_id, customer_key, kind, request));
ALTER TABLE suppressions ADD COLUMN asked_at INTEGER;
CREATE TABLE consents (id TEXT NOT NULL, fingerprint TEXT NOT NULL, account_id TEXT NOT NULL,
  customer_key TEXT NOT NULL, masked_phone TEXT NOT NULL, scope TEXT NOT NULL, source TEXT NOT NULL,
  wording_version TEXT, at INTEGER NOT NULL, evidence_hash TEXT, origin TEXT, actor TEXT,
  import_id TEXT, recorded_at INTEGER NOT NULL, PRIMARY KEY (account_id, customer_key, fingerprint)) WITHOUT ROWID;
CREATE TABLE imported_rows (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, fingerprint TEXT NOT NULL,
  PRIMARY KEY (account_id, customer_key, fingerprint)) WITHOUT ROWID;
CREATE INDEX consents_of_account ON consents (account_id, id, customer_key);
CREATE TABLE consent_withdrawals (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, scope TEXT NOT NULL,
  at INTEGER NOT NULL, source TEXT NOT NULL, actor TEXT, PRIMARY KEY (account_id, customer_key, scope)) WITHOUT ROWID;
CREATE TABLE identities (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, partner TEXT NOT NULL,
  at INTEGER NOT NULL, merged INTEGER NOT NULL, PRIMARY KEY (account_id, customer_key)) WITHOUT ROWID;
CREATE TABLE customer_links (account_id TEXT NOT NULL, customer_key TEXT NOT NULL, main_key TEXT NOT NULL,
  relation TEXT NOT NULL, linked_at INTEGER NOT NULL, contact TEXT, contact_at INTEGER,
  PRIMARY KEY (account_id, customer_key)) WITHOUT ROWID;
CREATE INDEX customer_links_of_main_key ON customer_links (account_id, main_key);
CREATE TABLE restrictions (slot TEXT PRIMARY KEY, id TEXT, account_id TEXT NOT NULL, scope TEXT NOT NULL, key TEXT,
  kind TEXT, customer_key TEXT, number_id TEXT, cause TEXT, since INTEGER, until INTEGER, added_by TEXT,
  probe_at INTEGER, detail TEXT, reported_at INTEGER, lifted_at INTEGER, active INTEGER NOT NULL, kept_until INTEGER)
  WITHOUT ROWID;
CREATE INDEX restrictions_by_id ON restrictions (id) WHERE active = 1;
CREATE INDEX restrictions_of_scope ON restrictions (scope, id) WHERE active = 1;
CREATE INDEX restrictions_of_account ON restrictions (account_id, id) WHERE active = 1;
CREATE INDEX restrictions_of_account_and_scope ON restrictions (account_id, scope, id) WHERE active = 1;
CREATE INDEX restrictions_by_cause ON restrictions (scope, cause, until) WHERE active = 1;
CREATE INDEX restrictions_of_customer ON restrictions (customer_key) WHERE customer_key IS NOT NULL;
CREATE INDEX restrictions_by_end ON restrictions (kept_until) WHERE kept_until IS NOT NULL;
CREATE TABLE template_recipients (owner TEXT NOT NULL, customer_key TEXT NOT NULL, account_id TEXT NOT NULL,
  at INTEGER NOT NULL, UNIQUE (owner, customer_key));
CREATE INDEX template_recipients_by_time ON template_recipients (owner, at, customer_key);
CREATE INDEX template_recipients_of_customer ON template_recipients (customer_key);
CREATE TABLE known_templates (owner TEXT NOT NULL, name TEXT NOT NULL, language TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (owner, name, language)) WITHOUT ROWID;
CREATE TABLE template_syncs (owner TEXT PRIMARY KEY, number_id TEXT NOT NULL, synced_at INTEGER,
  due_at INTEGER NOT NULL, requested_at INTEGER, templates INTEGER, problem TEXT) WITHOUT ROWID;
CREATE INDEX template_syncs_by_date ON template_syncs (due_at);
CREATE TABLE inbound_messages (event_id TEXT NOT NULL UNIQUE, message_hash TEXT NOT NULL, account_id TEXT NOT NULL,
  number_id TEXT NOT NULL, customer_key TEXT NOT NULL, sealed_message_id TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX inbound_messages_by_hash ON inbound_messages (message_hash);
CREATE INDEX inbound_messages_of_customer ON inbound_messages (customer_key);
CREATE TABLE uploads (id TEXT PRIMARY KEY, account_id TEXT NOT NULL, at INTEGER NOT NULL, bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL, mime_type TEXT NOT NULL, deleted INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX uploads_of_account ON uploads (account_id, at);
CREATE INDEX uploads_by_time ON uploads (at);
CREATE TABLE upload_chunks (upload_id TEXT NOT NULL, position INTEGER NOT NULL, sealed BLOB NOT NULL,
  at INTEGER NOT NULL, UNIQUE (upload_id, position));
CREATE INDEX upload_chunks_by_time ON upload_chunks (at);
CREATE TABLE chat_numbers (integration_id TEXT NOT NULL, number_id TEXT NOT NULL,
  PRIMARY KEY (integration_id, number_id)) WITHOUT ROWID;
CREATE INDEX chat_numbers_of_number ON chat_numbers (number_id);
CREATE TABLE pseudo_numbers (integration_id TEXT NOT NULL, customer_key TEXT NOT NULL, account_id TEXT NOT NULL,
  number TEXT NOT NULL, contact TEXT NOT NULL, PRIMARY KEY (integration_id, customer_key)) WITHOUT ROWID;
CREATE UNIQUE INDEX pseudo_numbers_by_number ON pseudo_numbers (integration_id, number);
CREATE INDEX pseudo_numbers_of_customer ON pseudo_numbers (customer_key);
CREATE TABLE chat_refusals (integration_id TEXT NOT NULL, customer_key TEXT NOT NULL, account_id TEXT NOT NULL,
  event_id TEXT NOT NULL, code TEXT NOT NULL, details TEXT NOT NULL, at INTEGER NOT NULL,
  UNIQUE (integration_id, customer_key));
CREATE INDEX chat_refusals_of_customer ON chat_refusals (customer_key);
CREATE TABLE contact_book_deletions (id TEXT NOT NULL UNIQUE, erasure_id TEXT NOT NULL, account_id TEXT NOT NULL,
  number_id TEXT NOT NULL, at INTEGER NOT NULL, sealed_user_id TEXT, status TEXT NOT NULL, tries INTEGER NOT NULL,
  problem TEXT, due_at INTEGER);
CREATE INDEX contact_book_deletions_by_date ON contact_book_deletions (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX contact_book_deletions_of_erasure ON contact_book_deletions (erasure_id);
CREATE TABLE decisions (event_id TEXT NOT NULL UNIQUE, outcome BLOB NOT NULL, at INTEGER NOT NULL,
  account_id TEXT, day TEXT, month TEXT, reserved INTEGER NOT NULL);
CREATE TABLE used (account_id TEXT NOT NULL, period TEXT NOT NULL, messages INTEGER NOT NULL,
  PRIMARY KEY (account_id, period)) WITHOUT ROWID;
CREATE TABLE cooldowns (id TEXT NOT NULL UNIQUE, event_id TEXT NOT NULL, until INTEGER NOT NULL,
  at INTEGER NOT NULL);
CREATE INDEX cooldowns_of_event ON cooldowns (event_id);
CREATE INDEX cooldowns_by_end ON cooldowns (until);
CREATE TABLE turns (seq INTEGER PRIMARY KEY AUTOINCREMENT, pair TEXT NOT NULL, event_id TEXT NOT NULL,
  at INTEGER NOT NULL, UNIQUE (pair, event_id));
CREATE INDEX turns_of_pair ON turns (pair, seq);
CREATE TABLE dead_letters (id TEXT PRIMARY KEY, queue TEXT NOT NULL, account_id TEXT, died_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, replayed_at INTEGER, replayed_by TEXT, body TEXT NOT NULL, sealed TEXT NOT NULL)
  WITHOUT ROWID;
ALTER TABLE dead_letters ADD COLUMN discarded_at INTEGER;
ALTER TABLE dead_letters ADD COLUMN discarded_by TEXT;
CREATE INDEX dead_letters_by_end ON dead_letters (expires_at);
CREATE INDEX dead_letters_of_queue ON dead_letters (queue) WHERE replayed_at IS NULL;
CREATE TABLE errands (id TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL, done_at INTEGER) WITHOUT ROWID;
ALTER TABLE errands ADD COLUMN taken_at INTEGER;
CREATE TABLE tokens (id TEXT PRIMARY KEY, label TEXT NOT NULL, role TEXT NOT NULL, accounts TEXT,
  sha256 TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at INTEGER NOT NULL,
  revoked_at INTEGER, revoked_by TEXT, last_used_at INTEGER) WITHOUT ROWID;
CREATE TABLE approvals (id TEXT PRIMARY KEY, kind TEXT NOT NULL, account_id TEXT NOT NULL, requester TEXT NOT NULL,
  requested_by TEXT NOT NULL, requested_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, fingerprint TEXT NOT NULL,
  customer_keys TEXT NOT NULL, sealed TEXT, state TEXT NOT NULL, decided_by TEXT, decided_at INTEGER,
  ended_at INTEGER, code TEXT) WITHOUT ROWID;
CREATE INDEX approvals_by_state ON approvals (state, expires_at);
CREATE INDEX approvals_of_account ON approvals (account_id, state);
CREATE INDEX approvals_by_end ON approvals (ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE allowances (key TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX allowances_of_key ON allowances (key, at);
CREATE TABLE erasures (id TEXT PRIMARY KEY, at INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE erased_customers (marker TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX erased_customers_by_time ON erased_customers (at);
CREATE TABLE speeds (account_id TEXT PRIMARY KEY, slot INTEGER NOT NULL, count INTEGER NOT NULL,
  normal REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE verifications (scope TEXT PRIMARY KEY, sound INTEGER NOT NULL, verified_at INTEGER, failed_at INTEGER,
  fault TEXT) WITHOUT ROWID;
CREATE TABLE verified_places (chain TEXT PRIMARY KEY, checkpoint INTEGER NOT NULL, seq INTEGER NOT NULL,
  hash BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE verified_log (id INTEGER PRIMARY KEY CHECK (id = 1), position TEXT NOT NULL);
CREATE TABLE probes (id INTEGER PRIMARY KEY CHECK (id = 1), writes INTEGER NOT NULL)
"""
"""Written by console and policy."""

REQUESTS = """
CREATE TABLE claimed_keys (integration_id TEXT NOT NULL, key TEXT NOT NULL, body_hash TEXT NOT NULL,
  event_id TEXT NOT NULL, at INTEGER NOT NULL, answer BLOB, UNIQUE (integration_id, key));
CREATE TABLE pending (event_id TEXT NOT NULL, integration_id TEXT NOT NULL, at INTEGER NOT NULL,
  UNIQUE (event_id, integration_id));
CREATE TABLE probes (id INTEGER PRIMARY KEY CHECK (id = 1), writes INTEGER NOT NULL)
"""
"""Written by ingress."""

LEDGER = """
CREATE TABLE entries (event_id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, owner TEXT NOT NULL,
  attempt INTEGER NOT NULL, until INTEGER NOT NULL, at INTEGER NOT NULL, account_id TEXT, number_id TEXT,
  customer_key TEXT, callback_id TEXT, message_id TEXT, outcome BLOB);
ALTER TABLE entries ADD COLUMN integration_id TEXT;
ALTER TABLE entries ADD COLUMN steps TEXT;
ALTER TABLE entries ADD COLUMN contact TEXT;
ALTER TABLE entries ADD COLUMN fallback TEXT;
ALTER TABLE entries ADD COLUMN erased INTEGER;
CREATE INDEX entries_of_message ON entries (message_id) WHERE message_id IS NOT NULL;
CREATE TABLE buckets (id TEXT PRIMARY KEY, tat_s REAL NOT NULL, held_until_s REAL NOT NULL, factor REAL NOT NULL,
  slowed_at_s REAL NOT NULL) WITHOUT ROWID;
ALTER TABLE buckets ADD COLUMN held_since_s REAL NOT NULL DEFAULT 0;
CREATE TABLE forwards (id TEXT NOT NULL UNIQUE, account_id TEXT, integration_id TEXT NOT NULL, at INTEGER NOT NULL,
  state TEXT NOT NULL, owner TEXT NOT NULL, until INTEGER NOT NULL, tries INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, body TEXT NOT NULL, attempts TEXT NOT NULL);
ALTER TABLE forwards ADD COLUMN customer_key TEXT;
CREATE INDEX forwards_of_customer ON forwards (account_id, customer_key) WHERE customer_key IS NOT NULL;
CREATE INDEX forwards_by_time ON forwards (at);
CREATE INDEX forwards_of_account ON forwards (account_id, at);
CREATE INDEX forwards_of_integration ON forwards (integration_id, at);
CREATE INDEX forwards_of_state ON forwards (state, at);
CREATE TABLE probes (id INTEGER PRIMARY KEY CHECK (id = 1), writes INTEGER NOT NULL)
"""
"""Written by sender."""

RECORDS = """
CREATE TABLE records (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL,
  type TEXT NOT NULL, account_id TEXT, integration_id TEXT, event_id TEXT, correlation_id TEXT, code TEXT,
  purpose TEXT, actor TEXT, customer_hash TEXT, masked_phone TEXT, details TEXT NOT NULL,
  personal TEXT, chain_seq INTEGER NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL);
CREATE UNIQUE INDEX records_of_chain ON records (account_id, chain_seq);
CREATE TABLE chains (chain TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE checkpoints (chain TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, shipped INTEGER NOT NULL,
  PRIMARY KEY (chain, number)) WITHOUT ROWID;
CREATE INDEX checkpoints_to_ship ON checkpoints (chain, number) WHERE shipped = 0;
CREATE TABLE tallies (chain TEXT NOT NULL, number INTEGER NOT NULL, last INTEGER NOT NULL, statement TEXT NOT NULL,
  body BLOB NOT NULL, UNIQUE (chain, number));
CREATE TABLE log_batches (start INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE log_tiles (level INTEGER NOT NULL, number INTEGER NOT NULL, hashes BLOB NOT NULL,
  UNIQUE (level, number));
CREATE TABLE log_places (first_index INTEGER PRIMARY KEY, chain TEXT NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, hash BLOB NOT NULL, statement TEXT);
CREATE INDEX log_places_of_chain ON log_places (chain, first, first_index);
CREATE INDEX log_places_of_statement ON log_places (statement) WHERE statement IS NOT NULL;
CREATE TABLE log_derived (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL);
CREATE TABLE log_checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL, at INTEGER NOT NULL,
  cosignatures TEXT NOT NULL, timestamp BLOB, shipped INTEGER NOT NULL);
CREATE INDEX log_checkpoints_to_ship ON log_checkpoints (size) WHERE shipped = 0;
CREATE TABLE sink_lines (id TEXT PRIMARY KEY, line TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE purge_clock (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);
CREATE TABLE purges (chain TEXT PRIMARY KEY, seq INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX records_by_time ON records (at);
CREATE INDEX records_of_account ON records (account_id, at);
CREATE INDEX records_of_integration ON records (integration_id, at) WHERE integration_id IS NOT NULL;
CREATE INDEX records_of_type ON records (type, at);
CREATE INDEX records_of_code ON records (code, at) WHERE code IS NOT NULL;
CREATE INDEX records_of_event ON records (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX records_of_customer ON records (customer_hash, at) WHERE customer_hash IS NOT NULL;
ALTER TABLE records ADD COLUMN producer TEXT;
ALTER TABLE records ADD COLUMN recorded_at INTEGER;
CREATE TABLE probes (id INTEGER PRIMARY KEY CHECK (id = 1), writes INTEGER NOT NULL)
"""
"""Written by audit. `seq` is the order in which records were appended, `chain_seq` the record's `seq` in its chain."""

SUBJECTS = """
CREATE TABLE subjects (customer_key TEXT PRIMARY KEY, pseudonym TEXT NOT NULL UNIQUE, sealed_key TEXT NOT NULL)
  WITHOUT ROWID;
CREATE TABLE probes (id INTEGER PRIMARY KEY CHECK (id = 1), writes INTEGER NOT NULL)
"""
"""Written by audit, and by console when a person is erased. A backup of the record need not contain it."""
