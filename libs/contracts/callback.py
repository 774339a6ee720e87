"""The opaque word sent along with each message, by which later statuses find their event: `gw1:<id>:<hmac>`.

The rule: it names our event and nobody's phone, and it is believed only with its own signature.
"""

import hmac
from uuid import UUID

_VERSION = "gw1"
_SIGNED = 16
"""Hex digits of the signature: 64 bits, enough against guessing within one webhook's signed body."""


def callback_from(event_id: UUID, key: bytes) -> str:
    """The callback data (`biz_opaque_callback_data`, at most 512 characters) for an event."""
    word = f"{_VERSION}:{event_id}"
    return f"{word}:{_signature(word, key)}"


def event_id_from(callback: str, key: bytes) -> UUID | None:
    """The event that callback data names; None when we did not make it."""
    word, _, signature = callback.rpartition(":")
    version, _, event_id = word.partition(":")
    if version != _VERSION or not hmac.compare_digest(_signature(word, key).encode(), signature.encode()):
        return None
    try:
        return UUID(event_id)
    except ValueError:
        return None


def _signature(word: str, key: bytes) -> str:
    return hmac.digest(key, f"callback:{word}".encode(), "sha256").hex()[:_SIGNED]
