"""Fault scenarios that start a gateway of their own: its clock, its disk or all of its services fail."""
