"""What an agent reads about a message that cannot be sent: a sentence, and no word of a program."""

import re
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.content import MediaKind
from libs.contracts.errors import ErrorCode
from libs.contracts.media_types import LIMITS
from libs.store.chats import ChatRefusal
from libs.store.restrictions import RestrictionKind
from services.policy.domain.chat_notes import SIGN, refusal_note
from services.policy.domain.chat_problems import FILES, POLICIES
from tests.builders import NOON, an_integration
from tests.unit.policy.test_chat_notes import ZONE

TEXT, LONG, MEDIA = ErrorCode.MISSING_MESSAGE_TEXT, ErrorCode.MESSAGE_TEXT_TOO_LONG, ErrorCode.INVALID_MEDIA
REFERENCE, POLICY = ErrorCode.INVALID_REFERENCE, ErrorCode.POLICY_VIOLATION
PURPOSE, FAILED = ErrorCode.MESSAGE_PURPOSE_NOT_ALLOWED, ErrorCode.GATEWAY_SEND_FAILED
WRONG = {"field": "template.body", "problem": "wrong_parameters"}
HEADER = {"field": "template.header.media", "problem": "wrong_kind"}
CASES: dict[str, tuple[ErrorCode, dict[str, Any], str]] = {
    "no text": (TEXT, {"field": "message_text", "expected": ["message_text"]}, "the message has no text"),
    "two values": (TEXT, WRONG | {"expected": 2}, "the template takes 2 values; write each behind a `|`"),
    "one value": (TEXT, WRONG | {"expected": 1}, "the template takes one value; write each behind a `|`"),
    "no value": (TEXT, WRONG | {"expected": 0}, "the template takes no values; write each behind a `|`"),
    "named values": (
        TEXT,
        WRONG | {"expected": ["first_name"]},
        "the template's values have names (first_name), which the chat cannot give",
    ),
    "an empty value": (TEXT, {"field": "template.body.1", "problem": "missing"}, "value 2 of the template is empty"),
    "a value with a line break": (
        TEXT,
        {"field": "template.body.0", "problem": "line_break_or_blanks"},
        "value 1 of the template must be one line, with at most four blanks in a row",
    ),
    "no such template": (
        REFERENCE,
        {"field": "template.name", "expected": []},
        "WhatsApp has no template of this name; ask your administrator which there are",
    ),
    "a name that no template has": (
        TEXT,
        {"field": "template.name", "problem": "invalid"},
        "WhatsApp has no template of this name; ask your administrator which there are",
    ),
    "another language": (
        REFERENCE,
        {"field": "template.language", "expected": ["de", "en"]},
        "the template is there in de, en; write the language behind its name",
    ),
    "a picture is missing": (
        TEXT,
        HEADER | {"expected": "image"},
        "the template shows an image: send it together with the command",
    ),
    "a file too much": (TEXT, HEADER | {"expected": None}, "the template shows no file"),
    "a button's value is missing": (
        TEXT,
        {"field": "template.buttons", "problem": "missing", "expected": 0},
        "the template's buttons take values, which the chat cannot give",
    ),
    "a long caption": (
        LONG,
        {"field": "media.caption", "problem": "too_long", "limit": 1024},
        "the text with a file has at most 1024 characters",
    ),
    "a long question": (
        LONG,
        {"field": "interactive", "problem": "too_long", "limit": 1024},
        "the question has at most 1024 characters",
    ),
    "two files": (
        TEXT,
        {"field": "media_urls", "expected": ["media"]},
        "a message has one file, with its address; send several one by one",
    ),
    "a text with a sound": (
        MEDIA,
        {"field": "media", "problem": "audio_takes_no_caption", "reason": "audio_takes_no_caption"},
        "WhatsApp shows no text with a sound: send the text by itself",
    ),
    "a large file": (
        MEDIA,
        {"reason": "too_large", "kind": "image", "limit": LIMITS[MediaKind.IMAGE].max_bytes},
        "the file is larger than 5 MB",
    ),
    "a private address": (
        MEDIA,
        {"reason": "address_refused", "kind": "image", "limit": 1},
        "the file's address cannot be used: it must be public and begin with https",
    ),
    "a template that waits": (
        POLICY,
        {"reason": "template_not_approved", "status": "PENDING"},
        "WhatsApp has not approved the template (pending)",
    ),
    "marketing": (PURPOSE, {"category": "MARKETING"}, "templates for marketing are not sent"),
    "what a provider cannot do": (
        FAILED,
        {"outcome": "failed", "reason": "Evolution cannot ask a customer for the phone number.", "provider_code": None},
        "WhatsApp did not take it: evolution cannot ask a customer for the phone number",
    ),
    "a word for programs": (FAILED, {"outcome": "failed", "reason": "template_unusable"}, "WhatsApp did not take it"),
}


def note(code: ErrorCode, details: dict[str, Any]) -> str:
    return refusal_note(ChatRefusal(event_id="e", code=code.value, at=NOON, details=details), an_integration(), ZONE)


@pytest.mark.parametrize(("code", "details", "sentence"), CASES.values(), ids=CASES)
def test_a_content_that_cannot_be_sent_is_told_in_a_sentence(
    code: ErrorCode, details: dict[str, Any], sentence: str
) -> None:
    assert note(code, details) == f"{SIGN}not sent, {sentence}"


def test_every_reason_of_a_file_and_of_a_policy_has_a_sentence_without_words_of_programs() -> None:
    sentences = [note(MEDIA, {"reason": reason, "kind": "image"}) for reason in FILES]
    sentences += [note(POLICY, {"reason": reason}) for reason in POLICIES]
    sentences += [note(POLICY, {}), note(MEDIA, {}), note(MEDIA, {"reason": "from_next_year"}), note(PURPOSE, {})]

    assert not [each for each in sentences if re.search(r"[a-z]_[a-z]", each.replace("`chat_purpose`", ""))]


def test_every_restriction_has_its_sentence() -> None:
    """But the limit of templates, which has a code of its own."""
    assert {kind for kind in RestrictionKind if kind.value not in POLICIES} == {RestrictionKind.TEMPLATE_LIMIT}


def test_every_reason_for_which_a_file_cannot_be_sent_is_told() -> None:
    found = set[str]()
    for path in ("libs/contracts/media_types.py", "services/sender/adapters/outbound_files.py"):
        found |= set(re.findall(r'(?:Unsendable|NoFile)\("([a-z0-9_]+)"', Path(path).read_text("utf-8")))

    assert found - {"too_large"} <= set(FILES)
