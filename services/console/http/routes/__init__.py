"""The routes of the operators' API, a module for each part of it; `table` puts them together."""
