"""What sender knows without asking anyone: pure rules, no I/O but the packaged table, no clock, no logging."""
