"""How an event becomes a record: pure functions, without I/O and without a clock."""
