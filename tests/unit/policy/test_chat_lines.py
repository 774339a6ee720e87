"""Each kind of message as a line of text."""

from typing import Any

import pytest

from services.policy.domain.chat_lines import MAX_LINE, UNSHOWN, chat_text
from tests.builders import a_customers_message

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "a text": ({"text": " Hello "}, "Hello"),
    "a template's button": ({"type": "button", "text": "Yes", "pressed": ("Yes", "p")}, "Yes"),
    "a list": ({"type": "interactive", "text": None, "pressed": ("Tomorrow", "row-2")}, "Tomorrow"),
    "a picture with a caption": (
        {"type": "image", "text": "Look", "content": {"image": {"id": "1"}}},
        "[picture] Look",
    ),
    "a voice message": ({"type": "audio", "text": None, "content": {"audio": {"id": "1"}}}, "[voice message or audio]"),
    "a document": (
        {"type": "document", "text": None, "content": {"document": {"id": "1", "filename": "offer.pdf"}}},
        "[document: offer.pdf]",
    ),
    "a sticker without its object": ({"type": "sticker", "text": None}, "[sticker]"),
    "a location": (
        {
            "type": "location",
            "text": None,
            "content": {"location": {"name": "Shop", "address": "High St 1", "latitude": 24.7, "longitude": 46.6}},
        },
        "[location] Shop, High St 1, 24.7, 46.6",
    ),
    "a location of nothing": ({"type": "location", "text": None, "content": {"location": {}}}, "[location]"),
    "contacts of Meta": (
        {
            "type": "contacts",
            "text": None,
            "content": {
                "contacts": [
                    {"name": {"formatted_name": "Ann"}, "phones": [{"phone": "+966 51"}, {"wa_id": "1"}]},
                    {"name": {"formatted_name": "Bob"}},
                ]
            },
        },
        "[contact] Ann +966 51; Bob",
    ),
    "contacts of Evolution": (
        {
            "type": "contacts",
            "text": None,
            "content": {
                "contacts": [
                    {
                        "name": {"formatted_name": "Ann"},
                        "vcard": "BEGIN:VCARD\nFN:Ann\nitem1.TEL;waid=96651:+966 51 2\nEND:VCARD",
                    }
                ]
            },
        },
        "[contact] Ann +966 51 2",
    ),
    "contacts of nobody": ({"type": "contacts", "text": None, "content": {"contacts": "x"}}, "[contact]"),
    "a reaction": ({"type": "reaction", "text": "👍"}, "reacted 👍"),
    "a reaction taken back": ({"type": "reaction", "text": None}, "took a reaction back"),
    "an edit": ({"type": "edit", "text": "at five"}, "[edited] at five"),
    "a deleted message": ({"type": "revoke", "text": None}, "[deleted a message]"),
    "an order": (
        {"type": "order", "text": "please", "content": {"order": {"product_items": [{}, {}]}}},
        "[order of 2 items] please",
    ),
    "an unsupported message": ({"type": "unsupported", "text": None}, UNSHOWN),
    "an unknown type": ({"type": "unknown", "text": None}, UNSHOWN),
    "a type of next year with a text": ({"type": "hologram", "text": "hi"}, "hi"),
    "a type of next year without": ({"type": "hologram", "text": None}, UNSHOWN),
    "a text of nothing": ({"text": " "}, UNSHOWN),
}


@pytest.mark.parametrize(("message", "line"), CASES.values(), ids=CASES)
def test_each_kind_of_message_is_a_line(message: dict[str, Any], line: str) -> None:
    assert chat_text(a_customers_message(**message)).strip() == line


def test_a_long_text_is_cut_and_says_so() -> None:
    line = chat_text(a_customers_message(text="a" * 65_000))

    assert len(line) == MAX_LINE
    assert line.endswith("…")


def test_of_many_contacts_the_first_are_shown() -> None:
    cards = [{"name": {"formatted_name": f"P{n}"}} for n in range(30)]

    line = chat_text(a_customers_message(type="contacts", text=None, content={"contacts": cards}))

    assert line.endswith("P19; and 10 more")
