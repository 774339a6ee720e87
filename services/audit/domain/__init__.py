"""What becomes of an event on its way into the record: pure, and blind to where it is kept."""
