"""Inputs that real systems send, each with what must become of it: one JSON file for each kind."""
