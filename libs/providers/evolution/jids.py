"""Addresses of WhatsApp's own protocol (JIDs): the kind of chat that one leads to, and the customer behind it."""

import re
from enum import StrEnum, unique
from typing import Final

from libs.providers.json_values import Json

LID_SUFFIX: Final = "@lid"
"""The end of WhatsApp's own id of a person."""
DEVICE: Final = r"(?:_[0-9]{1,3})?(?::[0-9]{1,3})?"
"""The agent and the device of an address; they are the same person."""
PHONE: Final = re.compile(rf"\+?([1-9][0-9]{{6,14}}){DEVICE}@(?:s\.whatsapp\.net|c\.us|hosted)", re.ASCII)
LID: Final = re.compile(rf"([0-9]{{1,32}}){DEVICE}@(?:lid|hosted\.lid)", re.ASCII)
ADDRESSES: Final = ("remoteJid", "remoteJidAlt", "senderPn", "senderLid", "previousRemoteJid")
"""The keys that name the other side of a chat: 2.3.0 adds `senderPn` to a hidden id, 2.3.6 `remoteJidAlt`."""
ANNOUNCEMENTS: Final = frozenset({"0@s.whatsapp.net", "0@c.us"})
"""WhatsApp's own account, which is no customer."""


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
    is_broadcast = text.endswith(("@broadcast", "@newsletter", "@bot")) or text in ANNOUNCEMENTS
    return Chat.BROADCAST if is_broadcast else Chat.PERSON


def phone_of(jid: object) -> str | None:
    """The phone number (E.164) in an address; None when it has none."""
    match = PHONE.fullmatch(jid) if isinstance(jid, str) else None
    return f"+{match[1]}" if match else None


def identity_of(key: Json) -> tuple[str | None, str | None]:
    """The phone number (E.164) and WhatsApp's own id (`…@lid`) of the other side of a chat, from all its addresses."""
    jids = [jid for name in ADDRESSES if isinstance(jid := key.get(name), str)]
    phone = next((found for jid in jids if (found := phone_of(jid))), None)
    lids = (LID.fullmatch(jid) for jid in jids)
    return phone, next((f"{match[1]}{LID_SUFFIX}" for match in lids if match), None)
