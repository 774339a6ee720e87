"""What the last release left behind, read by this one."""
