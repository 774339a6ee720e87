"""The sender's handlers, one for each event that it consumes, and the parts they share."""
