"""The OpenAPI 3.1 document, generated from the table of routes and its models."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from libs.contracts.errors import AnyCode, ErrorCode, OperatorCode
from services.console.domain.crm_template import XmlDocument
from services.console.domain.pagination import View
from services.console.http.route import Route
from services.console.http.routes.table import PREFIX
from services.console.http.uploads import ROW_TYPES

REF = "#/components/schemas/{model}"


class FieldProblem(View):
    """A problem with one field."""

    field: str
    problem: str


class Refusal(View):
    """The body of every refusal and failure."""

    success: Literal[False]
    error: str
    """A stable code; `gateway errors explain CODE` shows its cause and its fix."""
    message: str
    details: dict[str, Any] = Field(default_factory=dict)
    """Details by code: `errors` (each with `field` and `problem`), `retry_after`, `limit` …"""


def document_from(routes: Sequence[Route]) -> dict[str, Any]:
    """The document; equal routes give equal documents."""
    models: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        (Refusal, "serialization"),
        (FieldProblem, "serialization"),
    ]
    for route in routes:
        models += [(model, "serialization") for model in route.answers.values() if model is not XmlDocument]
        models += [(route.body, "validation")] if route.body else []
        models += [(route.requests, "serialization")] if route.requests else []
    names, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "WhatsApp gateway for 3CX: operators' API",
            "version": "1",
            "description": "Accounts, WhatsApp numbers, integrations, suppressions and the record.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, names: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"Needs the role `{route.role.name.lower()}`.",
        "tags": [route.path.split("/")[1]],
        "parameters": [*_ids(route.path), *_query(route), *_headers(route)],
        "responses": {
            **{
                str(status.value): _document(status)
                if model is XmlDocument
                else _answer(status, names[model, "serialization"], route.media_types)
                for status, model in route.answers.items()
            },
            **_request_for_approval(route, names),
            **{str(status.value): refusal for status, refusal in _refusals(route, names)},
        },
    }
    if route.body is not None:
        content = {"application/json": {"schema": names[route.body, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    if route.takes_file:
        form = {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
            "additionalProperties": False,
        }
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    if route.takes_rows:
        lines = {"schema": {"type": "string", "examples": ["phone,since\n+966500000000,2026-11-28"]}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(ROW_TYPES, lines)}
    return operation


def _ids(path: str) -> Iterator[dict[str, Any]]:
    for part in path.split("/"):
        if part.startswith("{"):
            schema = {"type": "string", "minLength": 1, "maxLength": 64}
            yield {"name": part.strip("{}"), "in": "path", "required": True, "schema": schema}


def _query(route: Route) -> Iterator[dict[str, Any]]:
    if route.query is None:
        return
    schema = route.query.model_json_schema()
    required = schema.get("required", [])
    for name, details in schema["properties"].items():
        # A parameter is present or absent; null cannot be sent.
        kinds = [_inline(kind, schema) for kind in details.pop("anyOf", []) if kind.get("type") != "null"]
        kinds += [_inline({"$ref": details.pop("$ref")}, schema)] if "$ref" in details else []
        if details.get("default") is None:
            details.pop("default", None)
        description = details.pop("description", None)
        parameter = {"name": name, "in": "query", "required": name in required}
        parameter |= {"schema": details | (kinds[0] if kinds else {})}
        yield parameter | ({"description": description} if description else {})


def _headers(route: Route) -> Iterator[dict[str, Any]]:
    if route.requests is not None:
        schema = {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"}
        text = "A request for approval is stored once for each key of a token."
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema, "description": text}


def _inline(kind: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The definition that a reference within a parameter's own schema leads to, such as an enum's values."""
    if "$ref" not in kind:
        return kind
    definition = schema["$defs"][kind["$ref"].rpartition("/")[2]]
    return {name: value for name, value in definition.items() if name in {"type", "enum"}}


def _answer(status: HTTPStatus, schema: dict[str, Any], media_types: Sequence[str] = ()) -> dict[str, Any]:
    files = {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in media_types}
    return {"description": status.phrase, "content": {"application/json": {"schema": schema}, **files}}


def _document(status: HTTPStatus) -> dict[str, Any]:
    return {"description": status.phrase, "content": {"application/xml": {"schema": {"type": "string"}}}}


def _codes(route: Route) -> Iterator[AnyCode]:
    yield OperatorCode.UNAUTHORIZED
    yield OperatorCode.FORBIDDEN
    yield OperatorCode.INVALID_REQUEST
    yield ErrorCode.GATEWAY_UNAVAILABLE
    if route.requests is not None:
        yield ErrorCode.IDEMPOTENCY_KEY_REUSED
    if route.name == "record_consent":
        yield OperatorCode.CUSTOMER_ERASED
    if route.name == "lift_suppression":
        yield OperatorCode.REASON_REQUIRED
    if "{" in route.path or route.name == "create_account":
        yield OperatorCode.NOT_FOUND
    if route.conflicts:
        yield OperatorCode.CONFLICT
    if route.name == "replay_dead_letter":
        yield OperatorCode.NOT_REPLAYABLE
    if route.limited or route.looks_up_persons:
        yield OperatorCode.TOO_MANY_REQUESTS
    if route.body is not None or route.takes_file or route.takes_rows:
        yield ErrorCode.INVALID_JSON
        yield ErrorCode.PAYLOAD_TOO_LARGE


def _request_for_approval(route: Route, names: dict[Any, Any]) -> dict[str, Any]:
    """The answer 202 of a call that may need a second person: the request, or what it answers with 202 otherwise."""
    if route.requests is None:
        return {}
    models = [route.requests, *(model for status, model in route.answers.items() if status is HTTPStatus.ACCEPTED)]
    schemas = [names[model, "serialization"] for model in models]
    answer = _answer(HTTPStatus.ACCEPTED, {"anyOf": schemas} if len(schemas) > 1 else schemas[0])
    return {str(HTTPStatus.ACCEPTED.value): answer | {"description": "Accepted: it waits for a second person"}}


def _refusals(route: Route, names: dict[Any, Any]) -> Iterator[tuple[HTTPStatus, dict[str, Any]]]:
    for status, codes in groupby(sorted(_codes(route), key=_status_of), key=_status_of):
        refusal: dict[str, Any] = _answer(status, names[Refusal, "serialization"])
        refusal["description"] = "\n\n".join(f"`{code.value}`: {code.explanation.cause}" for code in codes)
        if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
            refusal["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
        yield status, refusal


def _status_of(code: AnyCode) -> HTTPStatus:
    return code.explanation.status
