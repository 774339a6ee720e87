"""Console put together: `wiring` for tests and production alike, `serving` to run it, `recurring` beside the calls."""
