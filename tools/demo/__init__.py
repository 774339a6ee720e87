"""A scripted day of traffic through the public interfaces: what was asked, what was answered, and why."""
