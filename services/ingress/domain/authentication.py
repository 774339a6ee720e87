"""The authentication of 3CX webhooks: five checks in order, whose cost does not depend on which one fails.

Nothing returns early. Every comparison is made in constant time, for unknown integrations too; the first failed check
is selected afterwards.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

from libs.chassis.client_addresses import Address
from libs.contracts.webhook_secrets import NO_SECRET, SecretDigest, header_bytes, matches_secret
from services.ingress.domain.addresses import Allowlist

TIMESTAMP_TOLERANCE: Final = timedelta(seconds=300)  # from the gateway's clock, in either direction
RFC3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:(?P<second>\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
UNIX: Final = re.compile(r"\d{1,11}", re.ASCII)
BEARER: Final = re.compile(r"[Bb]earer +(\S+) *", re.ASCII)
SIGNATURE: Final = re.compile(r"(?:sha256=)?([0-9a-fA-F]{64})", re.ASCII)


@unique
class RejectionReason(StrEnum):
    """Why a request was not authenticated. Recorded and counted; callers never receive it."""

    UNKNOWN_INTEGRATION = "unknown_integration"
    INTEGRATION_DISABLED = "integration_disabled"
    IP_NOT_ALLOWED = "ip_not_allowed"
    MISSING_SECRET = "missing_secret"  # noqa: S105  the name of a failure, no secret
    WRONG_SECRET = "wrong_secret"  # noqa: S105  the name of a failure, no secret
    MISSING_BEARER = "missing_bearer"
    WRONG_BEARER = "wrong_bearer"
    MISSING_TIMESTAMP = "missing_timestamp"
    STALE_TIMESTAMP = "stale_timestamp"
    MISSING_SIGNATURE = "missing_signature"
    INVALID_SIGNATURE = "invalid_signature"


BEARER_REASONS: Final = {
    RejectionReason.MISSING_SECRET: RejectionReason.MISSING_BEARER,
    RejectionReason.WRONG_SECRET: RejectionReason.WRONG_BEARER,
}


@dataclass(frozen=True, slots=True)
class WebhookCredentials:
    """What an integration requires of its callers."""

    enabled: bool
    allowlist: Allowlist
    secrets: tuple[SecretDigest, ...]
    signature_required: bool
    path_tokens: tuple[SecretDigest, ...] = ()
    chat_keys: tuple[SecretDigest, ...] = ()
    """Empty while the integration takes no messages from 3CX's chat."""

    def for_path_token(self) -> "WebhookCredentials":
        """The requirements for callers that cannot set headers: a token in the URL, and no signature."""
        return WebhookCredentials(self.enabled, self.allowlist, self.path_tokens or NO_SECRET, signature_required=False)

    def for_chat(self) -> "WebhookCredentials":
        """The requirements for 3CX's chat: a chat key as the bearer token, and no signature."""
        return WebhookCredentials(self.enabled, self.allowlist, self.chat_keys or NO_SECRET, signature_required=False)


NO_CREDENTIALS: Final = WebhookCredentials(
    enabled=True, allowlist=Allowlist(), secrets=NO_SECRET, signature_required=False
)
"""Compared with when the integration is unknown."""


@dataclass(frozen=True, slots=True)
class PresentedCredentials:
    """What a caller presented: its address, and every value of each header."""

    address: Address | None
    secrets: Sequence[str] = field(default=(), repr=False)
    timestamps: Sequence[str] = ()
    signatures: Sequence[str] = ()


def expected_signature(presented: PresentedCredentials) -> hmac.HMAC:
    """Start the HMAC that the caller's signature must equal; feed it the raw body as it arrives.

    It is HMAC-SHA256 of `timestamp + "." + raw body`, keyed with the presented secret, valid or not. The timestamp is
    used exactly as sent.
    """
    secret = presented.secrets[0] if presented.secrets else ""
    timestamp = presented.timestamps[0] if presented.timestamps else ""
    return hmac.new(header_bytes(secret), header_bytes(timestamp) + b".", hashlib.sha256)


def caller_rejection(
    presented: PresentedCredentials, credentials: WebhookCredentials | None, *, now: datetime
) -> RejectionReason | None:
    """Checks 1 to 3: integration, address, secret. None when all pass. Needs the headers only."""
    required = credentials or NO_CREDENTIALS
    allowed = required.allowlist.allows(presented.address)
    secret_matches = matches_secret(presented.secrets, required.secrets, now=now)
    secret_missing = not any(presented.secrets)
    return _first_failed(
        (
            (credentials is None, RejectionReason.UNKNOWN_INTEGRATION),
            (not required.enabled, RejectionReason.INTEGRATION_DISABLED),
            (not allowed, RejectionReason.IP_NOT_ALLOWED),
            (secret_missing, RejectionReason.MISSING_SECRET),
            (not secret_matches, RejectionReason.WRONG_SECRET),
        )
    )


def bearer_tokens(authorizations: Sequence[str]) -> Sequence[str]:
    """The token of each `Authorization` header (RFC 6750); empty text for one of another scheme."""
    return [match[1] if (match := BEARER.fullmatch(each)) else "" for each in authorizations]


def chat_rejection(
    presented: PresentedCredentials, credentials: WebhookCredentials | None, *, now: datetime
) -> RejectionReason | None:
    """As `caller_rejection`, at the same cost, for a chat key as the bearer token."""
    reason = caller_rejection(presented, None if credentials is None else credentials.for_chat(), now=now)
    return None if reason is None else BEARER_REASONS.get(reason, reason)


def message_rejection(
    presented: PresentedCredentials, credentials: WebhookCredentials | None, *, now: datetime, digest: bytes
) -> RejectionReason | None:
    """Checks 4 and 5: timestamp, signature. `digest` is `expected_signature` over the whole body.

    In mode `secret` both headers are optional and are checked when sent; a signature needs its timestamp. In mode
    `secret_hmac` both are required. A header that is sent twice is invalid.
    """
    required = (credentials or NO_CREDENTIALS).signature_required
    timestamps, signatures = presented.timestamps, presented.signatures
    return _first_failed(
        (
            (not timestamps and (required or bool(signatures)), RejectionReason.MISSING_TIMESTAMP),
            (bool(timestamps) and not _is_fresh(timestamps, now), RejectionReason.STALE_TIMESTAMP),
            (required and not signatures, RejectionReason.MISSING_SIGNATURE),
            (bool(signatures) and not _is_signed(signatures, digest), RejectionReason.INVALID_SIGNATURE),
        )
    )


def _first_failed(checks: Sequence[tuple[bool, RejectionReason]]) -> RejectionReason | None:
    for failed, reason in checks:
        if failed:
            return reason
    return None


def timestamp_from(text: str) -> datetime | float | None:
    """Read a timestamp header: RFC 3339 with an offset (section 5.6) or whole Unix seconds; None for anything else."""
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
    sent = timestamp_from(timestamps[0])
    if sent is None or len(timestamps) != 1:
        return False
    seconds = sent if isinstance(sent, float) else sent.timestamp()
    return abs(seconds - now.timestamp()) <= TIMESTAMP_TOLERANCE.total_seconds()


def _is_signed(signatures: Sequence[str], digest: bytes) -> bool:
    match = SIGNATURE.fullmatch(signatures[0])
    presented = bytes.fromhex(match[1]) if match else bytes(32)
    same = hmac.compare_digest(presented, digest)
    return same and match is not None and len(signatures) == 1
