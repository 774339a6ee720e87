"""The dialect of 3CX's own chat: `{"from", "to", "text", "media_urls"}`, as its generic SMS provider posts it.

3CX documents it nowhere; open-source bridges agree on it (docs/threecx.md). Nothing here raises: what is missing is
absent in the payload, and policy's rules answer with its error code.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from libs.contracts.chat import ChatCommand
from libs.contracts.content import REQUEST_CONTACT_INFO, ContentProblem
from libs.contracts.decisions import EventType
from libs.contracts.events import WebhookPayload
from libs.contracts.text import without_controls
from libs.store.accounts import Integration
from services.ingress.domain.bodies import payload_from, text_or_number

COMMAND: Final = re.compile(r"/([a-z]{1,32}|(?i:template|contact|stop|why))(?:\s+(.*))?", re.DOTALL)
"""A word in small letters; a telephone's keyboard may begin the commands that exist with a capital one."""
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:[_-][A-Za-z]{2,4})?")
DEFAULT_LANGUAGE: Final = "en"
KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png"), "image"),
    **dict.fromkeys((".mp4", ".3gp"), "video"),
    **dict.fromkeys((".aac", ".amr", ".mp3", ".m4a", ".ogg", ".opus"), "audio"),
}
"""The kind of media by the end of its address; anything else is sent as a document."""
MEDIA: Final = "media_urls"
NOTHING: Final = string.whitespace + "\ufffd"
"""White space, and what `object_from` makes of NUL and of half emoji: a text of these alone says nothing."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """What an agent wrote."""

    payload: WebhookPayload
    key: tuple[str, ...] = field(repr=False)
    """Equal for two posts that say the same in the same chat."""


def chat_message_from(read: Mapping[str, Any], integration: Integration) -> ChatMessage:
    """The message in the gateway's own fields."""
    sender, customer = _number(read.get("from")), text_or_number(read.get("to"))
    given = read.get("text")
    text = given if isinstance(given, str) and without_controls(given).strip(NOTHING) else ""
    files = _items(read.get(MEDIA))
    urls = [url for url in files if isinstance(url, str)]
    body: dict[str, Any] = {"event_type": EventType.OUTBOUND_MESSAGE.value, "message_purpose": integration.chat_purpose}
    body |= _content(text, urls, integration)
    payload = payload_from(body).model_copy(update={"from_": _main_number(sender, integration), "to": customer})
    changes: dict[str, object] = {}
    if integration.chat_commands and (command := _command(text)) is not None:
        changes = {"command": command.value, "text": None}
    elif len(files) > 1 or len(files) > len(urls) or (files and payload.interactive is not None):
        problem = "too_long" if len(files) > 1 else "invalid"
        changes = {"content_problem": ContentProblem(field=MEDIA, problem=problem, limit=1)}
    return ChatMessage(payload.model_copy(update=changes), (sender or "", customer or "", text, *urls))


def _content(text: str, urls: list[str], integration: Integration) -> dict[str, Any]:
    """The text, what it asks to send instead (a template shows the file), or the first file with the text beneath."""
    if integration.chat_commands and (template := _template(text, integration)) is not None:
        shown = {"header": {"media": {"kind": _kind_of(urls[0]), "url": urls[0]}}} if urls else {}
        return {"template": template | shown}
    if integration.chat_commands and (question := _contact_question(text)) is not None:
        return {"interactive": {"type": REQUEST_CONTACT_INFO, "text": question}}
    if not urls:
        return {"message_text": text}
    media = {"kind": _kind_of(urls[0]), "url": urls[0]}
    return {"media": media | ({"caption": text.strip()} if text.strip() else {})}


def _command(text: str) -> ChatCommand | None:
    """The command that a text is; None for a message. A mistyped command goes to nobody."""
    found = COMMAND.fullmatch(text.strip())
    if found is None or _named_template(found) is not None or _contact_question(text) is not None:
        return None
    word = found[1].lower()
    is_known = word in (ChatCommand.STOP.value, ChatCommand.WHY.value) and not found[2]
    return ChatCommand(word) if is_known else ChatCommand.UNKNOWN


def _template(text: str, integration: Integration) -> dict[str, Any] | None:
    """`/template NAME [language] | value | value`; None for any other text."""
    found = COMMAND.fullmatch(text.strip())
    parts = None if found is None else _named_template(found)
    if parts is None:
        return None
    name, language, values = parts
    return {"name": name, "language": language or _own_language(name, integration), "body": values}


def _contact_question(text: str) -> str | None:
    """The text of `/contact TEXT`, which asks the customer for the phone number; None for any other text."""
    found = COMMAND.fullmatch(text.strip())
    return (
        found[2].strip() if found is not None and found[1].lower() == "contact" and (found[2] or "").strip() else None
    )


def _named_template(found: re.Match[str]) -> tuple[str, str | None, list[str]] | None:
    head, *values = [part.strip() for part in (found[2] or "").split("|")]
    words = head.split()
    if found[1].lower() != "template" or not words or len(words) > 2:  # noqa: PLR2004 -- a name and a language
        return None
    language = words[1] if len(words) > 1 else None
    if language is None:
        return words[0], None, values
    return None if LANGUAGE.fullmatch(language) is None else (words[0], language.replace("-", "_"), values)


def _own_language(name: str, integration: Integration) -> str:
    """The language that the integration's own template of this name has; English otherwise."""
    own = integration.window_template or {}
    language = own.get("language")
    return language if own.get("name") == name and isinstance(language, str) else DEFAULT_LANGUAGE


def _number(value: object) -> str | None:
    text = text_or_number(value)
    return None if text is None else text.strip()


def _main_number(sender: str | None, integration: Integration) -> str | None:
    """The main number as the integration has it; some trunks write it without its plus."""
    with_plus = f"+{sender}"
    return with_plus if sender not in integration.chat_numbers and with_plus in integration.chat_numbers else sender


def _items(value: object) -> list[object]:
    """The items of a list; anything else but nothing is one item, so that no file is left out without a word."""
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


def _kind_of(url: str) -> str:
    try:
        path = urlsplit(url).path
    except ValueError:
        return "document"
    return KINDS.get(PurePosixPath(path).suffix.casefold(), "document")
