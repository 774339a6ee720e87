"""What ingress does with an HTTP request once it is read, one module for each action."""
