"""The record's format: canonical bytes, hash chains, Merkle trees, signed checkpoints, exports, and their verification.

The rule: pure, and independent of services and stores. This package and an export are enough to verify a record.
"""
