"""Programs around the gateway: simulator, stack, demo, command line."""
