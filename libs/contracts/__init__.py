"""The words the services agree on: events, error codes, answers, identities.

This package imports nothing but pydantic and the standard library.
"""
