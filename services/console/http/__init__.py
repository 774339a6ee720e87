"""HTTP, and nothing but HTTP: the table of routes, how a request is read, who may call, and the OpenAPI document."""
