"""The reference pages' generator."""
