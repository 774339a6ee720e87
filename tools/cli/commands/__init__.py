"""One module for each group of commands; a command names the API call that it makes, and shows its answer."""
