"""`gateway`, the operators' command line. It calls the operators' HTTP API."""
