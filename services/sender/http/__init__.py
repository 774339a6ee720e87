"""HTTP endpoints of the sender: the links to customers' files."""
