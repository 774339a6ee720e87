"""The handlers of policy, one for each event that it consumes, and what they share."""
