"""Ingress's pure functions and values: authentication, client addresses, request bodies, dialects, HTTP answers.

No I/O, no clock, no logging, no `await`.
"""
