"""The record's proof: canonical bytes, hash chains, Merkle trees, signed checkpoints, and the one verifier of it all.

The rule: pure, and independent of services and stores, so that anybody can check a record with this package and a file.
"""
