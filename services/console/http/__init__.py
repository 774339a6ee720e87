"""The operators' API over HTTP: routes, request parsing, middleware, responses and the OpenAPI document."""
