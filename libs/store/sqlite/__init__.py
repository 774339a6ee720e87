"""The embedded store: SQLite in WAL mode, one file for each writing service, group commit."""
