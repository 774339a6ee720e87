"""`gateway restore`: makes a store from a backup, and applies again what the sink tells of the time since."""
