"""The OpenAPI document of the operators' API, as console serves it, without a running console."""

import json
from dataclasses import fields
from typing import Any, Self

from services.console.http.openapi import document_from
from services.console.http.routes.table import Handlers, routes_to


def operators_api() -> str:
    """The document as JSON."""
    return json.dumps(document(), indent=2, ensure_ascii=False)


class NeverCalled:
    """Stands for a handler and all of its operations: the table of routes names them, and nobody calls them here."""

    def __getattr__(self, _: str) -> Self:
        return self


def document() -> dict[str, Any]:
    """The document, from the table of routes."""
    handlers: dict[str, Any] = {field.name: NeverCalled() for field in fields(Handlers)}
    return document_from(routes_to(Handlers(**handlers)))
