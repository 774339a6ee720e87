"""`gateway`, the operators' command line: everything it does goes through the operators' HTTP API."""
