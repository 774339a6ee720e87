"""The adapters of audit's ports: one class for each port and technology."""
