"""Addresses of WhatsApp's own protocol (JIDs): the kind of chat that one leads to, and the customer behind it."""

import re
from enum import StrEnum, unique
from typing import Final

LID_SUFFIX: Final = "@lid"
"""The end of WhatsApp's own id of a person."""
PHONE: Final = re.compile(r"\+?([1-9][0-9]{6,14})(?::[0-9]{1,3})?@(?:s\.whatsapp\.net|c\.us)", re.ASCII)
LID: Final = re.compile(r"([0-9]{1,32})(?::[0-9]{1,3})?@lid", re.ASCII)


@unique
class Chat(StrEnum):
    """The kind of chat that an address leads to."""

    PERSON = "person"
    GROUP = "group"
    BROADCAST = "broadcast"


def chat_of(jid: object) -> Chat:
    """The kind of chat, by the address's ending: a group, a broadcast (a status or a channel), or else a person."""
    text = jid if isinstance(jid, str) else ""
    if text.endswith("@g.us"):
        return Chat.GROUP
    return Chat.BROADCAST if text.endswith(("@broadcast", "@newsletter")) else Chat.PERSON


def phone_of(jid: object) -> str | None:
    """The phone number (E.164) in an address; None when it has none."""
    match = PHONE.fullmatch(jid) if isinstance(jid, str) else None
    return f"+{match[1]}" if match else None


def identity_of(*jids: object) -> tuple[str | None, str | None]:
    """The phone number (E.164) and WhatsApp's own id (`…@lid`) of one customer, from any of their addresses."""
    phone = next((found for jid in jids if (found := phone_of(jid))), None)
    lids = (LID.fullmatch(jid) for jid in jids if isinstance(jid, str))
    return phone, next((f"{match[1]}{LID_SUFFIX}" for match in lids if match), None)
