"""`gateway witness`: cosigns checkpoints of cumulative logs that extend what it saw last (C2SP tlog-witness).

It needs a key and a folder of its own, and nothing of the gateway: somebody else runs it.
"""
