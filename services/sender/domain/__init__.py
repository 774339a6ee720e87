"""The sender's values and pure functions: results, retries, circuit breakers, refusals, forwards. No I/O, no clock."""
