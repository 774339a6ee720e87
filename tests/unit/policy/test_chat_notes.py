"""What the gateway says in the chat, and what it says nothing of."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from libs.contracts.errors import ErrorCode
from libs.contracts.events import SuppressionAdded
from libs.store.chats import ChatRefusal
from services.policy.domain.chat_notes import (
    BLOCKED,
    NO_REFUSAL,
    SIGN,
    command_note,
    late_failure_note,
    opt_out_note,
    refusal_note,
)
from tests.builders import NOON, an_integration

ZONE = ZoneInfo("Asia/Riyadh")
CLOSED = (NOON - timedelta(hours=1)).isoformat()
CASES: dict[str, tuple[ErrorCode, dict[str, Any], dict[str, Any], str]] = {
    "the window is closed": (
        ErrorCode.CONVERSATION_WINDOW_CLOSED,
        {"closed_at": CLOSED},
        {},
        "not sent, the customer last wrote on 22 Nov 14:00",
    ),
    "the window is closed, with commands": (
        ErrorCode.CONVERSATION_WINDOW_CLOSED,
        {"closed_at": CLOSED},
        {"chat_commands": True, "window_template": {"name": "reopen", "language": "de"}},
        "not sent, the customer last wrote on 22 Nov 14:00. `/template reopen` opens it again",
    ),
    "the customer never wrote": (
        ErrorCode.CONVERSATION_WINDOW_CLOSED,
        {"reason": "never_messaged"},
        {},
        "not sent, the customer never wrote to this number",
    ),
    "the customer never wrote, with commands": (
        ErrorCode.CONVERSATION_WINDOW_CLOSED,
        {"reason": "never_messaged"},
        {"chat_commands": True},
        (
            "not sent, the customer never wrote to this number. `/template NAME` begins a conversation; commands are "
            "`/template NAME [language] | value | value`, `/contact TEXT`, `/stop` and `/why`"
        ),
    ),
    "an operator's block": (
        ErrorCode.RECIPIENT_SUPPRESSED,
        {"reason": "blocked"},
        {},
        "not sent, the customer is blocked",
    ),
    "an opt-out": (
        ErrorCode.RECIPIENT_SUPPRESSED,
        {"reason": "opt_out"},
        {},
        "not sent, the customer opted out, or WhatsApp blocks messages to them",
    ),
    "too long": (
        ErrorCode.MESSAGE_TEXT_TOO_LONG,
        {"length": 5000, "limit": 4096},
        {},
        "not sent, the text has 5000 characters, 4096 are the most",
    ),
    "too fast": (
        ErrorCode.SENDING_THROTTLED,
        {"retry_after": 6},
        {},
        "not sent, messages are sent too fast; try again in 6 s",
    ),
    "asked lately": (
        ErrorCode.SENDING_THROTTLED,
        {"scope": "contact_request", "until": CLOSED, "retry_after": 9},
        {},
        "not sent, the customer was asked for the phone number lately; you can ask again after 23 Nov 14:00",
    ),
    "the limit": (
        ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED,
        {"resets_at": CLOSED},
        {},
        "not sent, the limit of messages is used up until 23 Nov 14:00",
    ),
    "an unknown outcome": (
        ErrorCode.GATEWAY_SEND_FAILED,
        {"outcome": "unknown"},
        {},
        "it is not known whether WhatsApp took the message: ask the customer before you send it again",
    ),
    "WhatsApp's refusal": (
        ErrorCode.GATEWAY_SEND_FAILED,
        {"outcome": "failed", "provider_code": 131026},
        {},
        "not sent, WhatsApp did not take it (code 131026)",
    ),
    "an unusable file": (
        ErrorCode.INVALID_MEDIA,
        {"field": "media_urls", "problem": "too_long"},
        {},
        "not sent, a message has one file, with its address; send several one by one",
    ),
}


@pytest.mark.parametrize(("code", "details", "settings", "note"), CASES.values(), ids=CASES)
def test_a_refusal_is_told_in_a_sentence(
    code: ErrorCode, details: dict[str, Any], settings: dict[str, Any], note: str
) -> None:
    refusal = ChatRefusal(event_id="e", code=code.value, at=NOON, details=details)

    assert refusal_note(refusal, an_integration(**settings), ZONE) == SIGN + note


@pytest.mark.parametrize("code", ErrorCode, ids=str)
def test_every_code_has_a_note_that_names_no_command_while_commands_are_off(code: ErrorCode) -> None:
    refusal = ChatRefusal(event_id="e", code=code.value, at=NOON)

    note = refusal_note(refusal, an_integration(), ZONE)

    assert note.startswith(SIGN)
    assert note.removeprefix(f"{SIGN}not sent, ")[0].islower() or note.startswith(f"{SIGN}not sent, WhatsApp")
    assert "/template" not in note
    assert len(note) > len(SIGN) + 10


def test_a_code_of_a_newer_release_is_told_as_it_is() -> None:
    refusal = ChatRefusal(event_id="e", code="from_next_year", at=NOON)

    assert refusal_note(refusal, an_integration(), ZONE) == f"{SIGN}not sent, from_next_year"


def test_a_late_failure_says_what_it_means_with_whatsapps_codes_and_the_accounts_time() -> None:
    meanings = {131026: "Undeliverable: not on WhatsApp."}

    assert late_failure_note(NOON, (1, 131026), ZONE, meanings.get).endswith(
        "told at 23 Nov 15:00: undeliverable: not on WhatsApp (WhatsApp's code 1, 131026)"
    )
    assert late_failure_note(NOON, (1,), ZONE, meanings.get).endswith("told at 23 Nov 15:00 (WhatsApp's code 1)")
    assert late_failure_note(NOON, (), ZONE, meanings.get).endswith("told at 23 Nov 15:00")


@pytest.mark.parametrize(
    ("kind", "word", "note"),
    [
        ("opt_out", "en.stop.stop", "the customer opted out: STOP"),
        ("opt_out", None, "the customer opted out"),
        ("marketing", None, "the customer wants no marketing messages"),
    ],
)
def test_an_opt_out_is_told_with_its_word(kind: str, word: str | None, note: str) -> None:
    added = SuppressionAdded(suppression_id="s", kind=kind, source="keyword", evidence={"word": word})

    assert opt_out_note(added) == SIGN + note


def test_commands_are_answered() -> None:
    last = ChatRefusal(event_id="e", code=ErrorCode.RECIPIENT_SUPPRESSED.value, at=NOON, details={"reason": "blocked"})

    assert command_note("stop", None, an_integration(), ZONE) == BLOCKED
    assert command_note("why", None, an_integration(), ZONE) == NO_REFUSAL
    assert (
        command_note("why", last, an_integration(), ZONE) == f"{SIGN}not sent, the customer is blocked (23 Nov 15:00)"
    )
    assert command_note(None, last, an_integration(), ZONE) is None
