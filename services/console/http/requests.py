"""Parses queries and bodies into validated models; a refusal names the fields at fault and repeats no value."""

import asyncio
import json
import re
from collections import Counter
from typing import Any, Final, TypeVar

import orjson
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError

from libs.contracts.errors import ErrorCode, GatewayError, OperatorCode
from services.console.domain.refusals import invalid

M = TypeVar("M", bound=BaseModel)
MAX_BODY: Final = 256 * 1024
BODY_SECONDS: Final = 10.0
MAX_ERRORS: Final = 50
_LONGEST_FIELD: Final = 128
_VISIBLE_ASCII: Final = re.compile(r"[\x21-\x7e]{1,255}")
_BROKEN = (ClientPayloadError, HttpProcessingError, ConnectionError, TimeoutError, EOFError)


def invalid_json(field: str, problem: str) -> GatewayError:
    """The refusal of a body that cannot be read at all."""
    return GatewayError(ErrorCode.INVALID_JSON, {"field": field, "problem": problem})


def query_from(request: web.Request, model: type[M]) -> M:
    """The parameters of a call. Raises GatewayError(invalid_request)."""
    counts = Counter(name for name, _ in request.query.items())
    if (repeated := next((name for name, count in counts.items() if count > 1), None)) is not None:
        raise invalid(repeated[:_LONGEST_FIELD], "is given more than once")
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise refusal_from(error) from None


def idempotency_key_from(request: web.Request) -> str | None:
    """The header `Idempotency-Key`, of visible ASCII and sent once. Raises GatewayError(invalid_request)."""
    given = request.headers.getall("Idempotency-Key", [])
    if given and (len(given) != 1 or _VISIBLE_ASCII.fullmatch(given[0]) is None):
        raise invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters, sent once")
    return given[0] if given else None


async def body_from(request: web.Request, model: type[M], context: dict[str, Any]) -> M:
    """The body of a call. Raises GatewayError: invalid_json, payload_too_large, invalid_request."""
    kind = request.headers.getall("Content-Type", [])
    if len(kind) != 1 or kind[0].partition(";")[0].strip().lower() != "application/json":
        raise invalid_json("Content-Type", "must be application/json")
    if "Content-Encoding" in request.headers:
        raise invalid_json("Content-Encoding", "is not supported")
    raw = await _read(request)
    _require_object(raw)
    try:
        return model.model_validate_json(raw, context=context)
    except ValidationError as error:
        raise refusal_from(error) from None


async def _read(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise GatewayError(ErrorCode.PAYLOAD_TOO_LARGE, {"limit": MAX_BODY}) from None
    except _BROKEN:
        raise invalid_json("body", "did not arrive whole") from None


def _require_object(raw: bytes) -> None:
    """Refuse a body that parsers may read differently: invalid JSON (orjson), and repeated keys (the second pass)."""
    try:
        if not isinstance(orjson.loads(raw), dict):
            raise invalid_json("body", "must be a JSON object")
        json.loads(raw, object_pairs_hook=_refuse_repeated, parse_int=len, parse_float=len)
    except (orjson.JSONDecodeError, RecursionError):
        raise invalid_json("body", "is not valid JSON") from None


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise invalid_json("body", "has a key twice in one object")


def refusal_from(error: ValidationError) -> GatewayError:
    """The refusal that names every field at fault."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    errors = [
        {"field": ".".join(str(part) for part in e["loc"])[:_LONGEST_FIELD] or "body", "problem": e["msg"]}
        for e in problems[:MAX_ERRORS]
    ]
    return GatewayError(OperatorCode.INVALID_REQUEST, {"errors": errors})
