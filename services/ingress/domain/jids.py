"""Addresses of WhatsApp's own protocol (JIDs): who stands behind one, and whether it is a person at all."""

import re
from enum import StrEnum, unique
from typing import Final

PHONE: Final = re.compile(r"\+?([1-9][0-9]{6,14})(?::[0-9]{1,3})?@(?:s\.whatsapp\.net|c\.us)", re.ASCII)
LID: Final = re.compile(r"([0-9]{1,32})(?::[0-9]{1,3})?@lid", re.ASCII)


@unique
class Chat(StrEnum):
    """What an address leads to."""

    PERSON = "person"
    GROUP = "group"
    BROADCAST = "broadcast"


def chat_of(jid: object) -> Chat:
    """A group, somebody's status or a channel by its ending; anything else counts as a person."""
    text = jid if isinstance(jid, str) else ""
    if text.endswith("@g.us"):
        return Chat.GROUP
    return Chat.BROADCAST if text.endswith(("@broadcast", "@newsletter")) else Chat.PERSON


def person_at(*jids: object) -> tuple[str | None, str | None]:
    """The phone (E.164) and WhatsApp's own id (`…@lid`) of one person, from any of their addresses."""
    texts = [jid for jid in jids if isinstance(jid, str)]
    phone = next((f"+{match[1]}" for text in texts if (match := PHONE.fullmatch(text))), None)
    return phone, next((f"{match[1]}@lid" for text in texts if (match := LID.fullmatch(text))), None)
