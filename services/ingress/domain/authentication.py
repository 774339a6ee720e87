"""Who is calling: five checks in order, and a refusal that costs the same whichever of them failed.

Nothing here ends early: every comparison is made, in constant time, also for an integration that
does not exist; only then is the first failed check looked up.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

from services.ingress.domain.addresses import Address, Allowlist

TOLERANCE: Final = timedelta(seconds=300)  # DESIGN §2: at most 300 s from our clock, either way
RFC3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:(?P<second>\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
UNIX: Final = re.compile(r"\d{1,11}", re.ASCII)
SIGNATURE: Final = re.compile(r"(?:sha256=)?([0-9a-fA-F]{64})", re.ASCII)


@unique
class Reason(StrEnum):
    """Why a request was not authenticated; for the record and a metric label, never for the caller."""

    UNKNOWN_INTEGRATION = "unknown_integration"
    INTEGRATION_DISABLED = "integration_disabled"
    IP_NOT_ALLOWED = "ip_not_allowed"
    MISSING_SECRET = "missing_secret"  # noqa: S105  the name of a failure, no secret
    WRONG_SECRET = "wrong_secret"  # noqa: S105  the name of a failure, no secret
    MISSING_TIMESTAMP = "missing_timestamp"
    STALE_TIMESTAMP = "stale_timestamp"
    MISSING_SIGNATURE = "missing_signature"
    INVALID_SIGNATURE = "invalid_signature"


@dataclass(frozen=True, slots=True)
class Secret:
    """The SHA-256 of one webhook secret, and until when it holds (None: until it is rotated away)."""

    digest: bytes = field(repr=False)
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """What an integration demands of a caller."""

    enabled: bool
    allowlist: Allowlist
    secrets: tuple[Secret, ...]
    signature_required: bool
    path_tokens: tuple[Secret, ...] = ()

    def at_the_side(self) -> "Door":
        """The same integration's door for senders without headers: a token in the URL, nothing signed."""
        return Door(self.enabled, self.allowlist, self.path_tokens or NOBODY, signature_required=False)


# Stand in for what does not exist, so that looking for it takes as long as finding it.
NOBODY: Final = (Secret(bytes(32)),)
NO_DOOR: Final = Door(enabled=True, allowlist=Allowlist(), secrets=NOBODY, signature_required=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a caller presented: each header as often as it was sent, and whence."""

    address: Address | None
    secrets: Sequence[str] = field(default=(), repr=False)
    timestamps: Sequence[str] = ()
    signatures: Sequence[str] = ()


def digest_of(secret: str) -> bytes:
    """Hash a secret as it is stored: SHA-256 of its bytes."""
    return hashlib.sha256(_raw(secret)).digest()


def signing(attempt: Attempt) -> hmac.HMAC:
    """Start the signature that `attempt` ought to carry; feed it the raw body as it arrives.

    HMAC-SHA256 of `timestamp + "." + raw body`, keyed with the secret the caller presented, whether
    or not that secret is right: the timestamp counts exactly as sent.
    """
    secret = attempt.secrets[0] if attempt.secrets else ""
    timestamp = attempt.timestamps[0] if attempt.timestamps else ""
    return hmac.new(_raw(secret), _raw(timestamp) + b".", hashlib.sha256)


def caller_objection(attempt: Attempt, door: Door | None, *, now: datetime) -> Reason | None:
    """Checks 1 to 3: integration, address, secret. None when all hold; what they need is in the headers."""
    stands = door or NO_DOOR
    admitted = stands.allowlist.admits(attempt.address)
    proven = is_proven(attempt.secrets, stands.secrets, now=now)
    secret_missing = not any(attempt.secrets)
    objections = (
        (door is None, Reason.UNKNOWN_INTEGRATION),
        (not stands.enabled, Reason.INTEGRATION_DISABLED),
        (not admitted, Reason.IP_NOT_ALLOWED),
        (secret_missing, Reason.MISSING_SECRET),
        (not proven, Reason.WRONG_SECRET),
    )
    return _first(objections)


def is_proven(presented: Sequence[str], secrets: Sequence[Secret], *, now: datetime) -> bool:
    """True when exactly one secret was presented and it is one that is taken now; equally long whatever is wrong."""
    digest, proven = digest_of(presented[0] if presented else ""), False
    for secret in secrets:
        same = hmac.compare_digest(digest, secret.digest)
        proven |= same and (secret.valid_until is None or now < secret.valid_until)
    return proven and len(presented) == 1


def message_objection(attempt: Attempt, door: Door | None, *, now: datetime, digest: bytes) -> Reason | None:
    """Checks 4 and 5: timestamp, signature; `digest` is what `signing` came to over the whole body.

    In mode `secret` both headers may be left out and are checked when sent; a signature needs its
    timestamp. In mode `secret_hmac` both are required. A header sent twice is a wrong one.
    """
    required = (door or NO_DOOR).signature_required
    objections = (
        (not attempt.timestamps and (required or bool(attempt.signatures)), Reason.MISSING_TIMESTAMP),
        (bool(attempt.timestamps) and not _is_fresh(attempt.timestamps, now), Reason.STALE_TIMESTAMP),
        (required and not attempt.signatures, Reason.MISSING_SIGNATURE),
        (bool(attempt.signatures) and not _is_signed(attempt.signatures, digest), Reason.INVALID_SIGNATURE),
    )
    return _first(objections)


def _first(objections: Sequence[tuple[bool, Reason]]) -> Reason | None:
    return next((reason for failed, reason in objections if failed), None)


def time_from(text: str) -> datetime | float | None:
    """Read a timestamp header: RFC 3339 with its offset (section 5.6) or whole Unix seconds; else None."""
    if UNIX.fullmatch(text):
        return float(text)
    match = RFC3339.fullmatch(text)
    if match is None:
        return None
    leap = match["second"] == "60"  # RFC 3339 §5.7 allows a leap second, datetime does not
    start, end = match.span("second")
    try:
        read = datetime.fromisoformat((text[:start] + "59" + text[end:] if leap else text).upper())
        return read + timedelta(seconds=1) if leap else read
    except (ValueError, OverflowError):
        return None


def _is_fresh(timestamps: Sequence[str], now: datetime) -> bool:
    sent = time_from(timestamps[0])
    if sent is None or len(timestamps) != 1:
        return False
    seconds = sent if isinstance(sent, float) else sent.timestamp()
    return abs(seconds - now.timestamp()) <= TOLERANCE.total_seconds()


def _is_signed(signatures: Sequence[str], digest: bytes) -> bool:
    match = SIGNATURE.fullmatch(signatures[0])
    presented = bytes.fromhex(match[1]) if match else bytes(32)
    same = hmac.compare_digest(presented, digest)
    return same and match is not None and len(signatures) == 1


def _raw(header: str) -> bytes:
    """Give back the bytes that arrived: aiohttp decodes headers as UTF-8 with surrogate escapes."""
    return header.encode("utf-8", "surrogateescape")
