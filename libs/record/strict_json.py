"""`parsed`: JSON in which no object repeats a name, for what is verified.

The rule: two readers must not find different values in the same bytes; JSON leaves open which of equal names counts.
"""

import json
from collections.abc import Sequence
from typing import Any

import orjson


def parsed(text: bytes) -> Any:
    """The value. Raises ValueError for what is no JSON, and for a repeated name."""
    found = orjson.loads(text)
    if orjson.dumps(found) == text.rstrip(b"\r\n"):  # the compact form: nothing was dropped
        return found
    return json.loads(text, object_pairs_hook=_object)


def require_names(body: object, names: frozenset[str]) -> None:
    """Raise ValueError unless `body` is an object with exactly these names."""
    if not isinstance(body, dict) or body.keys() != names:
        raise ValueError("an object has other names than its kind")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object repeats a name")
    return found
