"""A real Kubernetes on one machine, in a network of its own: `python -m tools.kubernetes --help`."""
