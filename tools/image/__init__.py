"""Container images without Docker: the steps of a Dockerfile, run on Debian packages; one commit gives one digest."""
