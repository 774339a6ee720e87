"""Implementations of console's ports: one class for each port and technology."""
