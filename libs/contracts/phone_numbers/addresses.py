"""The number inside an address, a link or quotation marks, and what kind of address that was."""

import re
from enum import Enum, auto

_QUOTED = re.compile(r"""=?"([^"]*)"|'([^']*)'?""")
"""Quotation marks, and the signs with which a spreadsheet keeps a number as text: `'0171…`, `="0171…"`."""
_NAME_ADDRESS = re.compile(r".*<([^<>]*)>[^<>]*", re.DOTALL)
"""`"Name" <address>;parameters` (RFC 3261, section 20.10)."""
_LINK = re.compile(
    r"(?:(?:https?://)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=)|whatsapp://send/?\?phone=)"
    r"\+?(\d+)/?(?:[?&#].*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
"""WhatsApp's links to a chat, which have the country code always."""
_URI = re.compile(r"(tel|callto|sips?|whatsapp):(?://)?(.*)", re.IGNORECASE | re.DOTALL)
_JID = re.compile(r"\+?(\d+)(?::\d+)?@(?:s\.whatsapp\.net|c\.us)", re.ASCII)
"""WhatsApp's own address of a phone, with the number of a linked device or without."""
_PARAMETERS = re.compile(r"[^;:@]*(?:;(?:ext|isub)=\d+|;phone-context=[^;:@]*)+", re.IGNORECASE | re.ASCII)
"""A `tel:` number without its scheme."""
_CONTEXT = re.compile(r";phone-context=(\+\d{1,3})(?=;|\Z)", re.IGNORECASE | re.ASCII)
"""The country that a `tel:` number without a plus belongs to (RFC 3966, section 5.1.4)."""


class Form(Enum):
    """Around what the number was written."""

    PLAIN = auto()
    ADDRESS = auto()
    """A telephone or SIP address, or a link: `tel:`, `callto:`, `sip:`, `sips:`, `https://wa.me/`."""
    WHATSAPP = auto()
    """An address of WhatsApp: `whatsapp:`, or a JID."""


def unwrapped(text: str) -> tuple[str, Form]:
    """What stands inside; text that is no address is returned as it is."""
    if text.removeprefix("+").isdecimal():
        return text, Form.PLAIN
    if (quoted := _QUOTED.fullmatch(text)) is not None:
        text = (quoted[1] or quoted[2] or "").strip()
    if ">" in text and (named := _NAME_ADDRESS.fullmatch(text)) is not None:
        text = named[1].strip()
    if (jid := _JID.fullmatch(text)) is not None:
        return jid[1], Form.WHATSAPP
    if (link := _LINK.fullmatch(text)) is not None:
        return f"+{link[1]}", Form.ADDRESS
    if (uri := _URI.fullmatch(text)) is None:
        return (_user(text, "[;]") if _PARAMETERS.fullmatch(text) else text), Form.PLAIN
    scheme, rest = uri[1].lower(), uri[2].strip()
    if scheme == "whatsapp":
        return rest, Form.WHATSAPP
    is_sip = scheme.startswith("sip")
    return _user(rest, "[;:@]" if is_sip else "[;@]"), Form.ADDRESS


def _user(text: str, ends: str) -> str:
    """The number before the parameters and the host, with the country that a parameter names for it."""
    user = re.split(ends, text, maxsplit=1)[0]
    context = _CONTEXT.search(text)
    return f"{context[1]}{user}" if context and "+" not in user else user
