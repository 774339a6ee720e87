"""One class for each port and technology."""
