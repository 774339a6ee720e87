PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE buckets (id TEXT PRIMARY KEY, tat_s REAL NOT NULL, held_until_s REAL NOT NULL, factor REAL NOT NULL,
  slowed_at_s REAL NOT NULL, held_since_s REAL NOT NULL DEFAULT 0) WITHOUT ROWID;
INSERT INTO "buckets" VALUES('number:num-1',4.00450140012345695474e+09,0.0,1.0,0.0,0.0);
INSERT INTO "buckets" VALUES('pair:num-1:customer-1',4.00450140012345695474e+09,0.0,1.0,0.0,0.0);
CREATE TABLE entries (event_id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, owner TEXT NOT NULL,
  attempt INTEGER NOT NULL, until INTEGER NOT NULL, at INTEGER NOT NULL, account_id TEXT, number_id TEXT,
  customer_key TEXT, callback_id TEXT, message_id TEXT, outcome BLOB, integration_id TEXT, steps TEXT, contact TEXT, fallback TEXT);
INSERT INTO "entries" VALUES('event-1','calling','sender-1',1,4004501420123456,4004501400123456,'acc-1','num-1','customer-1','gw1:event-1:signed',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE forwards (id TEXT NOT NULL UNIQUE, account_id TEXT, integration_id TEXT NOT NULL, at INTEGER NOT NULL,
  state TEXT NOT NULL, owner TEXT NOT NULL, until INTEGER NOT NULL, tries INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, body TEXT NOT NULL, attempts TEXT NOT NULL, customer_key TEXT);
CREATE TABLE probes (id INTEGER PRIMARY KEY CHECK (id = 1), writes INTEGER NOT NULL);
CREATE INDEX entries_of_message ON entries (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX forwards_of_customer ON forwards (account_id, customer_key) WHERE customer_key IS NOT NULL;
CREATE INDEX forwards_by_time ON forwards (at);
CREATE INDEX forwards_of_account ON forwards (account_id, at);
CREATE INDEX forwards_of_integration ON forwards (integration_id, at);
CREATE INDEX forwards_of_state ON forwards (state, at);
COMMIT;
