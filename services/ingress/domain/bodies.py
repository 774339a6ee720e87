"""What a body must be before anyone looks at what it says: one strict JSON object of known fields.

Strict about JSON, forgiving about fields: a field of the wrong type counts as absent, so that the
rules answer with the code for what is missing.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from libs.contracts.events import MAX_NAME, WebhookPayload

LABELS: Final = (
    "to",
    "customer_phone",
    "caller",
    "phone",
    "conversation_id",
    "agent_extension",
    "queue",
    "call_time",
)
WORDS: Final = ("event_type", "message_purpose")

NUMBERS_TO: Final = 10**31  # an integer beyond any phone or extension: never turned into text

# C0 and C1 controls but tab, line feed, carriage return: stores, terminals and PDF choke on them.
CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class NotAnObject(ValueError):  # noqa: N818  names what the body is not, like ValueError's own kin
    """The body is no acceptable JSON object; `field` says where: `Content-Type` or `body`."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise NotAnObject("body", "has a key twice in one object")


# Only keys matter to this reader: `len` spares it from making numbers of long digit strings.
KEYS: Final = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_int=len, parse_float=len)


def require_json(content_types: Sequence[str]) -> None:
    """Demand exactly one `Content-Type: application/json`; parameters are allowed and ignored."""
    if len(content_types) != 1 or content_types[0].partition(";")[0].strip().lower() != "application/json":
        raise NotAnObject("Content-Type", "must be application/json")


def object_from(body: bytes) -> dict[str, Any]:
    """Read `body` as one JSON object (RFC 8259), or raise NotAnObject.

    orjson refuses NaN, invalid UTF-8, a byte order mark, lone surrogates and deep nesting; it keeps
    the last of duplicate keys, and two readers that disagree on that are a hole, hence a second pass.
    """
    try:
        read = orjson.loads(body)
        if not isinstance(read, dict):
            raise NotAnObject("body", "must be a JSON object")
        KEYS.decode(body.decode())
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise NotAnObject("body", "is not valid JSON") from error
    return read


def payload_from(read: dict[str, Any]) -> WebhookPayload:
    """Keep what means something to us, cleaned; a field of an unusable type is absent."""
    fields = {name: label(read.get(name)) for name in LABELS}
    fields |= {name: _word(read.get(name)) for name in WORDS}
    text = _text(read.get("message_text")) or _text(read.get("message"))
    return WebhookPayload(from_=label(read.get("from")), text=text, **fields)


def label(value: object) -> str | None:
    """Take text or a whole number: phone systems send extensions and phones as either."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < NUMBERS_TO:
        return str(value)
    return _word(value)


def _word(value: object) -> str | None:
    return clean(value[:MAX_NAME]) if isinstance(value, str) else None


def _text(value: object) -> str | None:
    return clean(value).strip() if isinstance(value, str) else None


def clean(text: str) -> str:
    """Drop control characters; tabs and line breaks stay."""
    return CONTROLS.sub("", text) if not text.isprintable() else text
