"""What audit does: records what happened, and seals what it recorded."""
