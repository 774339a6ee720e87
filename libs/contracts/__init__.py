"""The types that the services share: events, error codes, answers, identities.

This package imports only pydantic and the standard library.
"""
