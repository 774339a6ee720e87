"""Rebuilds the entries of the cumulative log from what is left, and proves that they are those that were signed."""
