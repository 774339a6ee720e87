"""Whether a delivery really came from the gateway: the checks that a receiver makes, one by one, in words.

The rule: Standard Webhooks' signature is made by their own library, so that a mistake of ours would show.
"""

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from standardwebhooks import Webhook

from libs.contracts.forwarding import EVENT_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, own_signature

OWN, STANDARD = "gateway", "standard-webhooks"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived: headers (names in lower case) and the body's very bytes."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one scheme says: `problem` is None when it vouches for the delivery."""

    scheme: str
    problem: str | None


def headers_from(text: str) -> dict[str, str]:
    """Headers written as a JSON object, or one `Name: value` a line; what is neither is passed over."""
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if isinstance(read, dict):
        return {str(name).lower(): str(value) for name, value in read.items()}
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon and name.strip()}


def findings(delivery: Delivery, secret: str, *, now: datetime, tolerance: float) -> Iterator[Finding]:
    """What each scheme says, ours first."""
    headers = delivery.headers
    told = headers.get(TIMESTAMP_HEADER.lower())
    signature = headers.get(SIGNATURE_HEADER.lower())
    yield Finding(OWN, _own_problem(delivery.body, secret, told, signature) or _age_problem(told, now, tolerance))
    told = headers.get("webhook-timestamp")
    yield Finding(STANDARD, _standard_problem(delivery, secret, told) or _age_problem(told, now, tolerance))


def described(delivery: Delivery) -> dict[str, str | None]:
    """What the delivery says of itself."""
    headers = delivery.headers
    return {"event": headers.get(EVENT_HEADER.lower()), "id": headers.get("webhook-id")}


def _own_problem(body: bytes, secret: str, timestamp: str | None, signature: str | None) -> str | None:
    if timestamp is None or signature is None:
        return f"{TIMESTAMP_HEADER} or {SIGNATURE_HEADER} is missing"
    expected = own_signature(secret, timestamp, body)
    given = signature if "=" in signature else f"sha256={signature}"
    return None if hmac.compare_digest(expected.encode(), given.lower().encode()) else _MISMATCH


def _standard_problem(delivery: Delivery, secret: str, timestamp: str | None) -> str | None:
    delivery_id, signatures = delivery.headers.get("webhook-id"), delivery.headers.get("webhook-signature")
    if delivery_id is None or timestamp is None or signatures is None:
        return "webhook-id, webhook-timestamp or webhook-signature is missing"
    at = _moment(timestamp)
    if at is None:
        return "the timestamp is no number of seconds"
    try:
        text = delivery.body.decode()
    except UnicodeDecodeError:
        return _MISMATCH
    expected = Webhook(secret.encode()).sign(delivery_id, at, text)
    given = signatures.split(" ")
    return None if any(hmac.compare_digest(expected.encode(), one.encode()) for one in given) else _MISMATCH


def _age_problem(timestamp: str | None, now: datetime, tolerance: float) -> str | None:
    at = _moment(timestamp or "")
    if at is None:
        return "the timestamp is no number of seconds"
    off = (now - at).total_seconds()
    if abs(off) <= tolerance:
        return None
    return f"signed {abs(off):.0f} s {'ago' if off > 0 else 'ahead of now'}, more than {tolerance:.0f} s off"


def _moment(seconds: str) -> datetime | None:
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 11):
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


_MISMATCH = "the signature does not fit: another secret, or the body is not byte for byte what was sent"
