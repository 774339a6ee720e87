"""Which integrations have 3CX's chat, and the content of a forward to it."""

import re
from collections.abc import Sequence
from typing import Any, Final

from libs.contracts.events import CHAT_DIALECT, ChatParties, WebhookReceived
from libs.contracts.identity import E164_PATTERN
from libs.store.accounts import Integration
from libs.store.records import Record

E164: Final = re.compile(E164_PATTERN, re.ASCII)
CHAT = "chat"
"""The field of a forward's content that holds the chat and the line."""


def has_chat(integration: Integration) -> bool:
    """True when lines can be posted into the integration's chat."""
    return integration.enabled and integration.chat_enabled and integration.sealed_chat_webhook_url is not None


def wants_lines_of(integration: Integration, number_id: str) -> bool:
    """True when the chat shows what customers write to this number."""
    return has_chat(integration) and integration.inbound_enabled and integration.main_number_of(number_id) is not None


def can_be_shown(parties: ChatParties) -> bool:
    """True when a line between these two numbers has a place in 3CX: both are E.164, or a pseudo number."""
    return all(E164.fullmatch(number) for number in (parties.customer, parties.main_number))


def line_content(parties: ChatParties, text: str) -> dict[str, Any]:
    """The content of a line: from whom, to which main number, and its text."""
    return {CHAT: {"from": parties.customer, "to": parties.main_number, "text": text}}


def was_written_in_chat(timeline: Sequence[Record]) -> bool:
    """Whether a message was written in the chat, as its records say; True while the record does not know it yet."""
    received = [record for record in timeline if record.type == WebhookReceived.name]
    return not received or any(record.details.get("dialect") == CHAT_DIALECT for record in received)
