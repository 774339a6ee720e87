"""What the 3CX side is told, and how both sides know that a delivery is genuine.

The rule: what is signed is the very bytes that are sent, with the time of this try, so that a recording cannot be
played again later. Two schemes stand side by side under one key: ours, the same as for webhooks from 3CX, and Standard
Webhooks 1.0 (standardwebhooks.com), for which ready-made libraries exist.
"""

import base64
import hmac
from enum import StrEnum, unique

EVENT_HEADER = "X-WhatsApp-Gateway-Event"
TIMESTAMP_HEADER = "X-WhatsApp-Gateway-Timestamp"
SIGNATURE_HEADER = "X-WhatsApp-Gateway-Signature"


@unique
class ForwardKind(StrEnum):
    """What happened."""

    MESSAGE_RECEIVED = "message.received"
    RECIPIENT_OPTED_OUT = "recipient.opted_out"
    MESSAGE_STATUS_UPDATED = "message.status_updated"


def own_signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=<hex>`: HMAC-SHA256 of `timestamp + "." + body`, keyed with the secret as it was handed out."""
    return "sha256=" + hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()


def standard_signature(secret: str, delivery_id: str, timestamp: str, body: bytes) -> str:
    """`v1,<base64>`: Standard Webhooks' HMAC-SHA256 of `id.timestamp.body`."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def standard_secret(secret: str) -> str:
    """The forward secret in the form that libraries of Standard Webhooks take: `whsec_` and base64 of its bytes."""
    return "whsec_" + base64.b64encode(secret.encode()).decode()


def delivery_headers(*, secret: str, delivery_id: str, kind: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one try; only the id is the same on every try."""
    at = str(timestamp)
    return {
        "Content-Type": "application/json",
        EVENT_HEADER: kind,
        TIMESTAMP_HEADER: at,
        SIGNATURE_HEADER: own_signature(secret, at, body),
        "webhook-id": delivery_id,
        "webhook-timestamp": at,
        "webhook-signature": standard_signature(secret, delivery_id, at, body),
    }
