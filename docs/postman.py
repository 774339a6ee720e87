"""A Postman collection (format 2.1) of both HTTP APIs, from their OpenAPI documents."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from docs.ingress_api import document as ingress_document
from docs.operators_api import document as operators_document
from services.ingress.http.threecx_webhooks import TIMESTAMP_HEADER

FORMAT: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
NAMESPACE: Final = UUID("3d0f5f0e-7a3c-5d55-9f7e-2f2f1f3f6c10")
METHODS: Final = ("get", "post", "patch", "put", "delete")
VARIABLES: Final = {
    "ingress": "http://127.0.0.1:8080",
    "console": "http://127.0.0.1:8090",
    "admin_token": "",
    "webhook_secret": "",
    "chat_key": "",
}
"""The collection's variables; secrets are yours to fill in."""
AUTHORIZATIONS: Final[Mapping[str, Any]] = {
    "bearer": {"type": "bearer", "bearer": [{"key": "token", "value": "{{admin_token}}", "type": "string"}]},
    "chat_key": {"type": "bearer", "bearer": [{"key": "token", "value": "{{chat_key}}", "type": "string"}]},
    "secret": {
        "type": "apikey",
        "apikey": [
            {"key": "key", "value": "X-WhatsApp-Gateway-3CX-Secret", "type": "string"},
            {"key": "value", "value": "{{webhook_secret}}", "type": "string"},
            {"key": "in", "value": "header", "type": "string"},
        ],
    },
}
HEADERS: Final = {TIMESTAMP_HEADER: "{{$timestamp}}"}
"""The values of headers that Postman knows; the others are yours to fill in."""
NO_AUTHORIZATION: Final = {"type": "noauth"}


def postman_collection() -> str:
    """The collection as JSON."""
    return json.dumps(collection(), indent=2, ensure_ascii=False)


def collection() -> dict[str, Any]:
    """The collection: a folder for each API and tag, a request for each operation."""
    return {
        "info": {
            "_postman_id": str(uuid5(NAMESPACE, "collection")),
            "name": "WhatsApp gateway for 3CX",
            "description": "Set the variables, then send. Generated from the gateway's OpenAPI documents.",
            "schema": FORMAT,
        },
        "variable": [{"key": name, "value": value, "type": "string"} for name, value in VARIABLES.items()],
        "item": [
            {"name": "Webhooks", "item": _folders(ingress_document(), "{{ingress}}")},
            {"name": "Operators' API", "item": _folders(operators_document(), "{{console}}")},
        ],
    }


def _folders(document: Mapping[str, Any], base: str) -> list[dict[str, Any]]:
    folders: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, item in document["paths"].items():
        for method in METHODS:
            if (operation := item.get(method)) is not None:
                parameters = [*item.get("parameters", ()), *operation.get("parameters", ())]
                folders[operation["tags"][0]].append(
                    _request(
                        document, operation, method=method, url=_url(base, path, parameters), parameters=parameters
                    )
                )
    return [{"name": name, "item": requests} for name, requests in folders.items()]


def _request(
    document: Mapping[str, Any],
    operation: Mapping[str, Any],
    *,
    method: str,
    url: Mapping[str, Any],
    parameters: list[Any],
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": method.upper(),
        "description": operation.get("description", ""),
        "header": [_header(each) for each in parameters if each["in"] == "header"],
        "url": url,
        "auth": _authorization(operation.get("security", document.get("security", []))),
    }
    if (body := operation.get("requestBody")) is not None:
        request["body"] = _body(body["content"], document)
        if request["body"]["mode"] == "raw":
            request["header"].append({"key": "Content-Type", "value": "application/json"})
    id_ = str(uuid5(NAMESPACE, operation["operationId"]))
    return {"id": id_, "name": operation["summary"], "request": request, "response": []}


def _body(content: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """An example as JSON; of a form, the fields with the file to choose; of another body, the file itself."""
    if "application/json" not in content:
        fields = next(iter(content.values()))["schema"].get("properties")
        if fields is None:
            return {"mode": "file", "file": {}}
        return {"mode": "formdata", "formdata": [{"key": name, "type": "file", "src": []} for name in fields]}
    example = json.dumps(example_of(content["application/json"]["schema"], document), indent=2, ensure_ascii=False)
    return {"mode": "raw", "raw": example, "options": {"raw": {"language": "json"}}}


def _url(base: str, path: str, parameters: list[Any]) -> dict[str, Any]:
    parts = [f":{part[1:-1]}" if part.startswith("{") else part for part in path.strip("/").split("/")]
    query = [_pair(each, disabled=not each.get("required")) for each in parameters if each["in"] == "query"]
    variables = [{"key": each["name"], "value": ""} for each in parameters if each["in"] == "path"]
    return {"raw": f"{base}/{'/'.join(parts)}", "host": [base], "path": parts, "query": query, "variable": variables}


def _header(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return _pair(parameter, disabled=not parameter.get("required")) | {"value": HEADERS.get(parameter["name"], "")}


def _pair(parameter: Mapping[str, Any], *, disabled: bool) -> dict[str, Any]:
    return {
        "key": parameter["name"],
        "value": "",
        "description": parameter.get("description", ""),
        "disabled": disabled,
    }


def _authorization(security: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    names = [name for each in security for name in each]
    return next((AUTHORIZATIONS[name] for name in names if name in AUTHORIZATIONS), NO_AUTHORIZATION)


def example_of(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    """A value that the schema describes: its example, or its required fields with the least that each may hold."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    listed = schema.get("examples") or schema.get("enum") or [schema[n] for n in ("const", "default") if n in schema]
    if listed:
        return listed[0]
    choices = schema.get("anyOf") or schema.get("oneOf")
    return example_of(choices[0], document) if choices else _least(schema, document)


def _least(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "object":
            return {name: example_of(schema["properties"][name], document) for name in schema.get("required", ())}
        case "array":
            return [example_of(schema["items"], document)] if schema.get("minItems") else []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case _:
            return "x" * max(1, schema.get("minLength", 1))
