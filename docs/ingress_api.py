"""The OpenAPI 3.1 document of ingress, from the contracts that it reads and answers with."""

import json
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from docs.http_errors import FAILURE, REF, failures
from libs.contracts.content import InteractiveRequest, MediaRequest, TemplateRequest
from libs.contracts.decisions import EventType, Purpose
from libs.contracts.errors import AnyCode, ErrorCode, OperatorCode
from libs.contracts.results import AnswerStatus, SkipReason
from libs.providers.provider import Provider
from libs.providers.registry import PROVIDERS
from services.ingress.domain.bodies import TEXT_OR_NUMBER_FIELDS
from services.ingress.domain.consent_forms import ConsentForm
from services.ingress.http.threecx_webhooks import (
    IDEMPOTENCY_KEY_HEADER,
    MAX_BODY_BYTES,
    SECRET_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    VISIBLE_ASCII,
)

WEBHOOK: Final = "/integrations/3cx/webhook/{integration_id}"
CHAT: Final = "/integrations/3cx/chat/{integration_id}"
CONSENTS: Final = "/integrations/3cx/consents/{integration_id}"
CONTENT: Final = (TemplateRequest, MediaRequest, InteractiveRequest)
MODELS: Final = (*CONTENT, ConsentForm)
TEXT: Final = {"type": "string"}
TEXT_OR_NUMBER: Final = {"type": ["string", "integer"]}
JSON: Final = "application/json"


def ingress_api() -> str:
    """The document as JSON."""
    return json.dumps(document(), indent=2, ensure_ascii=False)


def document() -> dict[str, Any]:
    """The document."""
    _, definitions = models_json_schema([(model, "validation") for model in MODELS], ref_template=REF)
    paths: dict[str, Any] = {
        WEBHOOK: {"parameters": [_id("integration_id")], "post": _webhook()},
        f"{WEBHOOK}/{{path_token}}": {
            "parameters": [_id("integration_id"), _id("path_token")],
            "post": _call_event("post_call_event", body=True),
            "get": _call_event("get_call_event", body=False),
        },
        f"{WEBHOOK}/events/{{event_id}}": {
            "parameters": [_id("integration_id"), _id("event_id", {"type": "string", "format": "uuid"})],
            "get": _status(),
        },
        CHAT: {"parameters": [_id("integration_id")], "post": _chat()},
        CONSENTS: {"parameters": [_id("integration_id")], "post": _consent()},
    }
    for provider in PROVIDERS.values():
        paths |= _provider(provider)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "WhatsApp gateway for 3CX: webhooks",
            "version": "1",
            "description": "What 3CX systems and WhatsApp's providers call. Generated from the gateway's contracts.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**definitions["$defs"], **_schemas()},
            "securitySchemes": {
                "secret": {"type": "apiKey", "in": "header", "name": SECRET_HEADER},
                "chat_key": {"type": "http", "scheme": "bearer"},
                "signature": {"type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"},
            },
        },
    }


def _schemas() -> dict[str, Any]:
    parts: dict[str, type[BaseModel]] = {"template": CONTENT[0], "media": CONTENT[1], "interactive": CONTENT[2]}
    statuses = [status.value for status in AnswerStatus]
    return {
        "Failure": dict(FAILURE),
        "Success": {
            "type": "object",
            "description": "The body of every answer to an event that was not refused.",
            "properties": {
                "success": {"const": True},
                "status": {"enum": statuses},
                "event_id": {"type": "string", "format": "uuid"},
                "message_id": TEXT | {"description": "WhatsApp's id of the message, of `sent`."},
                "reason": {"enum": [reason.value for reason in SkipReason], "description": "Of `skipped`."},
                "details": {"type": "object"},
            },
            "required": ["success", "status", "event_id"],
        },
        "Webhook": {
            "type": "object",
            "description": "An event of a 3CX system in the gateway's own format. Unknown fields are ignored. A field "
            "of the wrong type counts as absent.",
            "properties": {
                "event_type": {"enum": [kind.value for kind in EventType]},
                **dict.fromkeys((*TEXT_OR_NUMBER_FIELDS, "from"), TEXT_OR_NUMBER),
                "user_id": TEXT | {"description": "WhatsApp's id of a customer without a known phone."},
                "message_text": TEXT | {"maxLength": 4096},
                "message": TEXT | {"description": "As `message_text`."},
                "message_purpose": {"enum": [purpose.value for purpose in Purpose]},
                "direction": {"enum": ["inbound", "outbound"]},
                "language": TEXT,
                **{name: {"$ref": REF.format(model=model.__name__)} for name, model in parts.items()},
                "reply_to": TEXT | {"description": "WhatsApp's id of a message, or the `event_id` of one of ours."},
            },
            "required": ["event_type"],
            "examples": [{"event_type": "test"}],
        },
        "ChatMessage": {
            "type": "object",
            "description": "A message of an agent, as 3CX posts it to a generic provider of messages.",
            "properties": {"from": TEXT, "to": TEXT, "text": TEXT, "media_urls": {"type": "array", "items": TEXT}},
            "required": ["from", "to"],
            "examples": [{"from": "+966110000000", "to": "+966512345678", "text": "Your order is ready."}],
        },
        "ProviderReceived": {
            "type": "object",
            "properties": {"success": {"const": True}},
            "required": ["success"],
        },
    }


def _signed_headers() -> list[dict[str, Any]]:
    return [
        _header(TIMESTAMP_HEADER, "RFC 3339 or Unix seconds, at most 300 s from the gateway's clock."),
        _header(SIGNATURE_HEADER, "`sha256=` and the HMAC-SHA256 of timestamp, `.` and body, keyed with the secret."),
        _header(IDEMPOTENCY_KEY_HEADER, "A repetition within 24 h gets the first answer.", VISIBLE_ASCII.pattern),
    ]


def _webhook() -> dict[str, Any]:
    return {
        "operationId": "post_webhook",
        "summary": "Report an event, or send an agent's message",
        "description": f"At most {MAX_BODY_BYTES} bytes. Waits for the result for seconds, then answers `pending`.",
        "tags": ["3cx"],
        "security": [{"secret": []}],
        "parameters": _signed_headers(),
        "requestBody": _body("Webhook"),
        "responses": _results(),
    }


def _call_event(name: str, *, body: bool) -> dict[str, Any]:
    operation = {
        "operationId": name,
        "summary": "Report a call event, for senders that cannot set headers",
        "description": "The fields of the webhook" + (" as JSON." if body else " in the query; needs `allow_get`."),
        "tags": ["3cx"],
        "security": [],
        "responses": _results(*([] if body else [OperatorCode.METHOD_NOT_ALLOWED])),
    }
    if body:
        return operation | {"requestBody": _body("Webhook")}
    kind = {"name": "event_type", "in": "query", "schema": {"enum": [kind.value for kind in EventType]}}
    return operation | {"parameters": [kind]}


def _status() -> dict[str, Any]:
    return {
        "operationId": "get_event",
        "summary": "The final answer to an event that was answered `pending`",
        "tags": ["3cx"],
        "security": [{"secret": []}],
        "responses": _results(OperatorCode.NOT_FOUND),
    }


def _chat() -> dict[str, Any]:
    answers = _results()
    answers.pop("202")
    return {
        "operationId": "post_chat_message",
        "summary": "Send what an agent wrote in 3CX's chat",
        "description": "The chat key is a bearer token. Every answer that 3CX shows as sent is 200 with `data`.",
        "tags": ["3cx"],
        "security": [{"chat_key": []}],
        "requestBody": _body("ChatMessage"),
        "responses": answers,
    }


def _consent() -> dict[str, Any]:
    recorded = {
        "description": "`recorded`: the broker has the consent.",
        "content": {JSON: {"schema": _ref("Success")}},
    }
    codes: list[AnyCode] = [
        ErrorCode.INVALID_3CX_WEBHOOK,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.WEBHOOK_RATE_LIMITED,
        ErrorCode.INVALID_JSON,
        ErrorCode.IDEMPOTENCY_KEY_REUSED,
        ErrorCode.GATEWAY_UNAVAILABLE,
        OperatorCode.INVALID_REQUEST,
    ]
    timestamp, *others = _signed_headers()
    return {
        "operationId": "post_consent",
        "summary": "Record that a customer agreed in a web form to be messaged",
        "description": "It lifts no suppression. `phone` is required, or else `user_id`, but not both.",
        "tags": ["3cx"],
        "security": [{"secret": []}],
        "parameters": [timestamp | {"required": True}, *others],
        "requestBody": _body(ConsentForm.__name__),
        "responses": {"200": recorded, **failures(codes)},
    }


def _provider(provider: Provider) -> dict[str, Any]:
    endpoint = provider.endpoint
    path = f"/integrations/{endpoint.path}/webhook"
    parameters = [_id("number_id")] if endpoint.per_number else []
    codes: list[AnyCode] = [
        OperatorCode.UNAUTHORIZED,
        OperatorCode.UNSUPPORTED_ENCODING,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.INVALID_JSON,
        ErrorCode.GATEWAY_UNAVAILABLE,
    ]
    received = {"description": "The broker has the events.", "content": {JSON: {"schema": _ref("ProviderReceived")}}}
    operations: dict[str, Any] = {
        "post": {
            "operationId": f"post_{endpoint.path}_webhook",
            "summary": f"Take the webhooks of the provider `{provider.kind}`",
            "tags": ["providers"],
            "security": [{"signature": []}] if endpoint.signs_body else [],
            "requestBody": {"required": True, "content": {JSON: {"schema": {"type": "object"}}}},
            "responses": {"200": received, **failures(codes)},
        }
    }
    if endpoint.handshake:
        operations["get"] = _handshake(endpoint.path)
    name = f"{path}/{{number_id}}" if endpoint.per_number else path
    return {name: {**({"parameters": parameters} if parameters else {}), **operations}}


def _handshake(path: str) -> dict[str, Any]:
    names = ("hub.mode", "hub.verify_token", "hub.challenge")
    challenge = {"description": "The challenge.", "content": {"text/plain": {"schema": TEXT}}}
    return {
        "operationId": f"verify_{path}_webhook",
        "summary": "Prove that the address belongs to the gateway",
        "tags": ["providers"],
        "security": [],
        "parameters": [{"name": name, "in": "query", "schema": TEXT} for name in names],
        "responses": {"200": challenge, **failures([OperatorCode.FORBIDDEN])},
    }


def _results(*more: OperatorCode) -> dict[str, Any]:
    success = {"content": {JSON: {"schema": _ref("Success")}}}
    return {
        "200": {"description": "The event's result.", **success},
        "202": {"description": "`pending`: the result follows at the event's address.", **success},
        **failures([*ErrorCode, *more]),
    }


def _ref(model: str) -> dict[str, str]:
    return {"$ref": REF.format(model=model)}


def _body(model: str) -> dict[str, Any]:
    return {"required": True, "content": {JSON: {"schema": _ref(model)}}}


def _id(name: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    own = schema or {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9_-]+$"}
    return {"name": name, "in": "path", "required": True, "schema": own}


def _header(name: str, description: str, pattern: str | None = None) -> dict[str, Any]:
    schema = {"type": "string"} | ({"pattern": f"^{pattern}$"} if pattern else {})
    return {"name": name, "in": "header", "description": description, "schema": schema}
