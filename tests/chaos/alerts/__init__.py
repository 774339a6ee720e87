"""The fault table: each fault against a running gateway and a real Prometheus, and the alert that tells of it."""
