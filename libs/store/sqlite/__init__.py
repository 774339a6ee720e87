"""The embedded store: SQLite in WAL mode, one file a writer, group commit."""
