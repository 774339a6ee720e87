"""How fast the gateway is, against what the broker alone can do on the same machine in the same run."""
