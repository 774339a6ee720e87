"""Request bodies of 3CX webhooks: strict JSON parsing, and the fields that the gateway keeps.

The JSON must be valid but for what phone systems are known to write. A field of the wrong type counts as absent, so
that policy's rules answer with the error code for the missing field.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from libs.contracts.content_fields import content_from
from libs.contracts.events import MAX_NAME, WebhookPayload
from libs.contracts.identity import named_user_id
from libs.contracts.json_repair import with_whole_escapes, without_byte_order_mark
from libs.contracts.text import without_controls

TEXT_OR_NUMBER_FIELDS: Final = (
    "to",
    "customer_phone",
    "caller",
    "phone",
    "conversation_id",
    "agent_extension",
    "queue",
    "call_time",
)
TEXT_FIELDS: Final = ("event_type", "message_purpose")

ENCODING_HEADER: Final = "Content-Encoding"
EXACT_FLOAT: Final = 2**53  # a larger float is not exact, so its digits are none of a phone's
NUMBER_LIMIT: Final = 10**31  # larger than any phone or extension; larger integers count as absent


class InvalidBody(ValueError):  # noqa: N818 -- named for the input, like UnicodeError
    """The request is not acceptable; `field` names the part: `body` or a header. `problem` completes "it …"."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise InvalidBody("body", "has a key twice in one object")


# Checks keys only: `len` avoids the conversion of long digit strings to numbers.
DUPLICATE_KEY_CHECK: Final = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_int=len, parse_float=len)


def is_encoded(content_encodings: Sequence[str]) -> bool:
    """True when a body has a `Content-Encoding` other than `identity`, such as `gzip`."""
    names = {name.strip().lower() for header in content_encodings for name in header.split(",")}
    return not names <= {"", "identity"}


def require_identity(content_encodings: Sequence[str]) -> None:
    """Require a body without `Content-Encoding`, or with `identity`. Raises InvalidBody."""
    if is_encoded(content_encodings):
        raise InvalidBody(ENCODING_HEADER, "must be identity: a compressed body is not read")


def require_json(content_types: Sequence[str]) -> None:
    """Require exactly one `Content-Type: application/json`; parameters are ignored. Raises InvalidBody."""
    if len(content_types) != 1 or content_types[0].partition(";")[0].strip().lower() != "application/json":
        raise InvalidBody("Content-Type", "must be application/json")


def object_from(body: bytes) -> dict[str, Any]:
    r"""Read `body` as one JSON object (RFC 8259). Raises InvalidBody.

    A byte order mark is skipped; lone surrogates and `\u0000` become U+FFFD: phone systems and phone books write them.
    orjson rejects NaN, invalid UTF-8, control characters and deep nesting, but keeps the last of duplicate keys. A
    second pass rejects them: two parsers that choose different duplicates are a security hole.
    """
    body = with_whole_escapes(without_byte_order_mark(body))
    try:
        read = orjson.loads(body)
        if not isinstance(read, dict):
            raise InvalidBody("body", "must be a JSON object")
        DUPLICATE_KEY_CHECK.decode(body.decode())
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise InvalidBody("body", "is not valid JSON") from error
    return read


def payload_from(read: Mapping[str, Any]) -> WebhookPayload:
    """The known fields, without control characters; a field of the wrong type is absent."""
    return WebhookPayload(**known_fields_from(read))


def known_fields_from(read: Mapping[str, Any]) -> dict[str, Any]:
    """What `payload_from` makes the payload of: its fields by name; those that a body does not have may be left out."""
    fields: dict[str, Any] = {name: text_or_number(read[name]) for name in TEXT_OR_NUMBER_FIELDS if name in read}
    fields |= {name: _short_text(read[name]) for name in TEXT_FIELDS if name in read}
    fields["from_"] = text_or_number(read.get("from"))
    fields["text"] = _text(read.get("message_text")) or _text(read.get("message"))
    fields["user_id"] = named_user_id(read)
    return fields | content_from(read)


def text_or_number(value: object) -> str | None:
    """The value as text when it is text or a whole number: phone systems send phones and extensions as either."""
    if isinstance(value, str):
        return without_controls(value[:MAX_NAME])
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_FLOAT:
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < NUMBER_LIMIT
    return str(value) if is_number else None


def _short_text(value: object) -> str | None:
    return without_controls(value[:MAX_NAME]) if isinstance(value, str) else None


def _text(value: object) -> str | None:
    return without_controls(value).strip() if isinstance(value, str) else None
