"""The OpenAPI document of the operators' API, as console serves it, without a running console."""

import json
from typing import Any, get_type_hints

from services.console.http.openapi import document_from
from services.console.http.routes import Handlers, routes_to


def operators_api() -> str:
    """The document as JSON."""
    return json.dumps(document(), indent=2, ensure_ascii=False)


def document() -> dict[str, Any]:
    """The document. The table of routes names handlers, which are not called here: they have no ports."""
    handlers = {name: object.__new__(kind) for name, kind in get_type_hints(Handlers).items()}
    return document_from(routes_to(Handlers(**handlers)))
