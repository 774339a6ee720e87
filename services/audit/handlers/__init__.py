"""Audit's handlers: record events, sign checkpoints, purge records."""
