"""The demo: plays scripted traffic through the public interfaces and shows each answer with its reason."""
