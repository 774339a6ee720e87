"""Ingress's composition: `wiring` connects handlers and adapters, `server` runs the service."""
