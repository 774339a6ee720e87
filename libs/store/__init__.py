"""The store: one port per aggregate, and two adapters, SQLite and MongoDB, that pass one contract suite.

A change of several steps that must be atomic is one method of a port, so each adapter implements it in its own way.
"""
