"""The adapters of the sender's ports: one class for each port and technology."""
