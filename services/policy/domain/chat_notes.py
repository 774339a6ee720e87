"""The gateway's notes in 3CX's chat: why a message was not sent, and what the agent can do, in one sentence.

3CX shows a refused message as failed, without the reason; a note appears as a line of the customer in the same chat.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from libs.contracts.chat import ChatCommand
from libs.contracts.decisions import Outcome
from libs.contracts.errors import ErrorCode
from libs.contracts.events import SuppressionAdded
from libs.store.accounts import Integration
from libs.store.chats import ChatRefusal
from libs.store.conversations import SuppressionKind
from services.policy.domain.chat_problems import content_sentence, file_sentence, policy_sentence, purpose_sentence
from services.policy.domain.contact_requests import SCOPE

SIGN: Final = "⚠ gateway: "
COMMANDS: Final = "`/template NAME [language] | value | value`, `/contact TEXT`, `/stop` and `/why`"
NO_REFUSAL: Final = f"{SIGN}no message of this chat was refused in the last 30 days"
BLOCKED: Final = f"{SIGN}the customer is blocked and gets no more messages; an operator can lift that"
_SHOWN_CODES: Final = 3
_MESSAGES: Final[Mapping[str, str]] = {code.value: code.explanation.message for code in ErrorCode}


def refusal_note(refusal: ChatRefusal, integration: Integration, zone: tzinfo) -> str:
    """Why a message was refused or failed."""
    make = _SENTENCES.get(refusal.code)
    usual = _MESSAGES.get(refusal.code, refusal.code).rstrip(".")
    usual = f"{usual[:1].lower()}{usual[1:]}"
    sentence = usual if make is None else make(refusal.details, integration, zone)
    start = "" if refusal.details.get("outcome") == Outcome.UNKNOWN else "not sent, "
    return f"{SIGN}{start}{sentence}"


def late_failure_note(
    at: datetime, provider_codes: tuple[int, ...], zone: tzinfo, meaning_of: Callable[[int], str | None]
) -> str:
    """WhatsApp took a message and could not deliver it: when it told so, what that means, and its codes."""
    shown = provider_codes[:_SHOWN_CODES]
    meaning = next((found for code in shown if (found := meaning_of(code)) is not None), "").rstrip(".")
    codes = ", ".join(map(str, shown))
    why = f": {meaning[:1].lower()}{meaning[1:]}" if meaning else ""
    why += f" (WhatsApp's code {codes})" if codes else ""
    return f"{SIGN}a message of this chat was not delivered, WhatsApp told at {_time(at, zone)}{why}"


def opt_out_note(added: SuppressionAdded) -> str:
    """The customer opted out."""
    word = str(added.evidence.get("word") or "").rpartition(".")[2].upper()
    wish = "wants no marketing messages" if added.kind == SuppressionKind.MARKETING else "opted out"
    return f"{SIGN}the customer {wish}" + (f": {word}" if word else "")


def _time(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%d %b %H:%M}"


def _time_in(details: Mapping[str, Any], name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(str(details.get(name)))
    except ValueError:
        return None


def _window_closed(details: Mapping[str, Any], integration: Integration, zone: tzinfo) -> str:
    closed_at = _time_in(details, "closed_at")
    why = "the customer never wrote to this number"
    if closed_at is not None:
        why = f"the customer last wrote on {_time(closed_at - timedelta(hours=24), zone)}"
    name = (integration.window_template or {}).get("name") or "NAME"
    if not integration.chat_commands:
        return why
    if closed_at is None:
        return f"{why}. `/template {name}` begins a conversation; commands are {COMMANDS}"
    return f"{why}. `/template {name}` opens it again"


def _no_opt_in(_: Mapping[str, Any], __: Integration, ___: tzinfo) -> str:
    return "nothing shows that the customer agreed to be messaged first; wait until they write, or record their opt-in"


def _suppressed(details: Mapping[str, Any], _: Integration, __: tzinfo) -> str:
    blocked = details.get("reason") == SuppressionKind.BLOCKED
    return "the customer is blocked" if blocked else "the customer opted out, or WhatsApp blocks messages to them"


def _missing_phone(details: Mapping[str, Any], _: Integration, __: tzinfo) -> str:
    if details.get("field") == "from":
        return "this number of 3CX has no WhatsApp number; tell your administrator (`chat_numbers`)"
    return "this is no number of a WhatsApp customer; write it with + and the country code"


def _missing_text(details: Mapping[str, Any], _: Integration, __: tzinfo) -> str:
    if details.get("problem") == "unknown_command":
        return f"that is no command; commands are {COMMANDS}"
    return content_sentence(details)


def _too_long(details: Mapping[str, Any], _: Integration, __: tzinfo) -> str:
    if "length" not in details:
        return content_sentence(details)
    return f"the text has {details.get('length')} characters, {details.get('limit')} are the most"


def _limit(details: Mapping[str, Any], _: Integration, zone: tzinfo) -> str:
    resets_at = _time_in(details, "resets_at")
    return "the limit of messages is used up" + (f" until {_time(resets_at, zone)}" if resets_at else "")


def _throttled(details: Mapping[str, Any], _: Integration, zone: tzinfo) -> str:
    until = _time_in(details, "until")
    if details.get("scope") == SCOPE and until is not None:
        return f"the customer was asked for the phone number lately; you can ask again after {_time(until, zone)}"
    seconds = details.get("retry_after")
    return "messages are sent too fast" + (f"; try again in {seconds} s" if isinstance(seconds, int) else "")


def _failed(details: Mapping[str, Any], _: Integration, __: tzinfo) -> str:
    if details.get("outcome") == Outcome.UNKNOWN:
        return "it is not known whether WhatsApp took the message: ask the customer before you send it again"
    code, reason = details.get("provider_code"), str(details.get("reason") or "").rstrip(".")
    why = f": {reason[:1].lower()}{reason[1:]}" if " " in reason else ""  # one word is for programs
    return f"WhatsApp did not take it{why}" + (f" (code {code})" if isinstance(code, int) else "")


def _by(sentence: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any], Integration, tzinfo], str]:
    return lambda details, _, __: sentence(details)


_SENTENCES: Final[Mapping[str, Callable[[Mapping[str, Any], Integration, tzinfo], str]]] = {
    ErrorCode.CONVERSATION_WINDOW_CLOSED: _window_closed,
    ErrorCode.RECIPIENT_SUPPRESSED: _suppressed,
    ErrorCode.OPT_IN_REQUIRED: _no_opt_in,
    ErrorCode.MISSING_PHONE: _missing_phone,
    ErrorCode.MISSING_MESSAGE_TEXT: _missing_text,
    ErrorCode.MESSAGE_TEXT_TOO_LONG: _too_long,
    ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED: _limit,
    ErrorCode.SENDING_THROTTLED: _throttled,
    ErrorCode.GATEWAY_SEND_FAILED: _failed,
    ErrorCode.INVALID_MEDIA: _by(file_sentence),
    ErrorCode.MEDIA_EXPIRED: _by(file_sentence),
    ErrorCode.INVALID_REFERENCE: _by(content_sentence),
    ErrorCode.POLICY_VIOLATION: _by(policy_sentence),
    ErrorCode.MESSAGE_PURPOSE_NOT_ALLOWED: _by(purpose_sentence),
}


def command_note(command: object, last: ChatRefusal | None, integration: Integration, zone: tzinfo) -> str | None:
    """The answer to a command; None for one that is answered by a refusal."""
    if command == ChatCommand.STOP:
        return BLOCKED
    if command == ChatCommand.WHY:
        return NO_REFUSAL if last is None else f"{refusal_note(last, integration, zone)} ({_time(last.at, zone)})"
    return None
