"""Benchmarks: the gateway's speed, compared with the broker alone on the same machine in the same run."""
