"""Implementations of ingress's ports, one class for each port and technology."""
