"""Policy's pure functions and values: no I/O and no clock. `load` reads a data file once, at start."""
