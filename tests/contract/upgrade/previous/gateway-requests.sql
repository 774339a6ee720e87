PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE claimed_keys (integration_id TEXT NOT NULL, key TEXT NOT NULL, body_hash TEXT NOT NULL,
  event_id TEXT NOT NULL, at INTEGER NOT NULL, answer BLOB, UNIQUE (integration_id, key));
CREATE TABLE pending (event_id TEXT NOT NULL, integration_id TEXT NOT NULL, at INTEGER NOT NULL,
  UNIQUE (event_id, integration_id));
CREATE TABLE probes (id INTEGER PRIMARY KEY CHECK (id = 1), writes INTEGER NOT NULL);
COMMIT;
