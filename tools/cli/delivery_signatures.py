"""Checks of a forward's signatures, as a receiver makes them.

The Standard Webhooks signature is checked with the reference library, not with the gateway's own code.
"""

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from standardwebhooks import Webhook

from libs.contracts.forwards import EVENT_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, own_signature

OWN, STANDARD = "gateway", "standard-webhooks"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it arrived: headers (names in lower case) and the unchanged body."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """The result for one signature scheme; `problem` is None when the signature is valid."""

    scheme: str
    problem: str | None


def headers_from(text: str) -> dict[str, str]:
    """Headers from a JSON object, or from `Name: value` lines; other lines are ignored."""
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if isinstance(read, dict):
        return {str(name).lower(): str(value) for name, value in read.items()}
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon and name.strip()}


def check_signatures(delivery: Delivery, secret: str, *, now: datetime, tolerance: float) -> Iterator[SignatureCheck]:
    """Check the gateway's own signature, then the Standard Webhooks signature; `tolerance` is in seconds."""
    headers = delivery.headers
    timestamp = headers.get(TIMESTAMP_HEADER.lower())
    signature = headers.get(SIGNATURE_HEADER.lower())
    problem = _own_problem(delivery.body, secret, timestamp, signature)
    yield SignatureCheck(OWN, problem or _age_problem(timestamp, now, tolerance))
    timestamp = headers.get("webhook-timestamp")
    problem = _standard_problem(delivery, secret, timestamp)
    yield SignatureCheck(STANDARD, problem or _age_problem(timestamp, now, tolerance))


def identity_of(delivery: Delivery) -> dict[str, str | None]:
    """The event and the id in the delivery's headers."""
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
    at = _instant_from(timestamp)
    if at is None:
        return "the timestamp is not a number of seconds"
    try:
        text = delivery.body.decode()
    except UnicodeDecodeError:
        return _MISMATCH
    expected = Webhook(secret.encode()).sign(delivery_id, at, text)
    given = signatures.split(" ")
    return None if any(hmac.compare_digest(expected.encode(), each.encode()) for each in given) else _MISMATCH


def _age_problem(timestamp: str | None, now: datetime, tolerance: float) -> str | None:
    at = _instant_from(timestamp or "")
    if at is None:
        return "the timestamp is not a number of seconds"
    age = (now - at).total_seconds()
    if abs(age) <= tolerance:
        return None
    return f"signed {abs(age):.0f} s {'ago' if age > 0 else 'in the future'}; the tolerance is {tolerance:.0f} s"


def _instant_from(seconds: str) -> datetime | None:
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 11):
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


_MISMATCH = "the signature does not match: another secret was used, or the body was changed"
