"""The answers of HTTP operations in OpenAPI, from the catalogue of errors."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from libs.contracts.errors import AnyCode, ErrorCode, OperatorCode

REF: Final = "#/components/schemas/{model}"
RETRIED: Final = frozenset({429, 503})
"""Statuses whose answers have `Retry-After`."""
FAILURE: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "The body of every refusal and failure.",
    "properties": {
        "success": {"const": False},
        "error": {"enum": [code.value for code in (*ErrorCode, *OperatorCode)]},
        "message": {"type": "string"},
        "event_id": {"type": "string", "format": "uuid"},
        "details": {
            "type": "object",
            "description": "By code: `limit`, `used`, `risk_score`, `retry_after`, `field` …",
        },
    },
    "required": ["success", "error", "message"],
}


def failures(codes: Iterable[AnyCode]) -> dict[str, Any]:
    """An answer for each HTTP status of these codes."""
    ordered = sorted(codes, key=lambda code: code.explanation.status)
    return {
        str(status.value): _failure(status.value, list(found))
        for status, found in groupby(ordered, key=lambda code: code.explanation.status)
    }


def _failure(status: int, codes: list[AnyCode]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": "\n".join(f"`{code.value}`: {code.explanation.cause}" for code in codes),
        "content": {"application/json": {"schema": {"$ref": REF.format(model="Failure")}}},
    }
    if status in RETRIED:
        seconds = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds to wait."}
        answer["headers"] = {"Retry-After": seconds}
    return answer
