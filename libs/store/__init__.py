"""What outlives a process: one port per aggregate, and two adapters, SQLite and MongoDB, with one contract suite.

A change of several steps that must be atomic is one method of a port, so that each adapter does it its own way.
"""
