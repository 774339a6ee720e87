"""The generator of the reference pages."""
