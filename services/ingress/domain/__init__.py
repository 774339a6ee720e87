"""What ingress knows without asking anyone: who may speak, from where, and what a body may look like.

No I/O, no clock, no logging, no `await`.
"""
