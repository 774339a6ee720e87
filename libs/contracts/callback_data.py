"""Callback data: the opaque text that is sent with each message and comes back in its statuses, `gw1:<id>:<hmac>`.

It names the event that the message belongs to and contains no personal data. Its signature is verified.
"""

import hmac
from uuid import UUID

from libs.contracts.identity import Pseudonyms

_VERSION = "gw1"
_SIGNATURE_DIGITS = 16
"""Hex digits of the signature (64 bits)."""


def callback_from(event_id: UUID, pseudonyms: Pseudonyms) -> str:
    """The callback data (`biz_opaque_callback_data`, at most 512 characters) for an event."""
    named = f"{_VERSION}:{event_id}"
    return f"{named}:{_signature(named, pseudonyms)}"


def event_id_from(callback: str, pseudonyms: Pseudonyms) -> UUID | None:
    """The event that callback data names; None when the signature or the form is wrong."""
    named, _, signature = callback.rpartition(":")
    version, _, event_id = named.partition(":")
    if version != _VERSION or not hmac.compare_digest(_signature(named, pseudonyms).encode(), signature.encode()):
        return None
    try:
        return UUID(event_id)
    except ValueError:
        return None


def _signature(named: str, pseudonyms: Pseudonyms) -> str:
    return pseudonyms.callback_signature(named)[:_SIGNATURE_DIGITS]
