"""The HTTP endpoints of ingress: they read requests, call a handler and write its answer."""
