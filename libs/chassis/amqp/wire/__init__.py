"""What crosses a broker connection, read and written a batch at a time, beside the library that opened it."""
