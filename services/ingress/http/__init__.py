"""HTTP, and nothing but HTTP: headers and bytes in, an answer's bytes out; what to answer is decided below."""
