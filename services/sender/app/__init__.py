"""Sender's composition: its modules connect handlers and adapters by what they do, `server` runs the service."""
