"""The commands, one module for each group. A command makes one API call and prints the answer."""
