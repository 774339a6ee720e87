"""What policy decides by, as pure functions and data: no I/O, no clock; each data file is read once, by its `load`."""
