"""Each kind of message as a line of text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.domain.chat_lines import MAX_LINE, NO_FILE, ONLY_IN_THE_APP, UNSHOWN, chat_text
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
    "an order with its products": (
        {
            "type": "order",
            "text": None,
            "content": {
                "order": {
                    "product_items": [
                        {"product_retailer_id": "SKU1", "quantity": 2, "item_price": 30, "currency": "USD"},
                        {"product_retailer_id": "SKU2", "quantity": "1", "item_price": 9.99},
                        {"product_retailer_id": 77},
                        {"quantity": 5},
                        "SKU4",
                    ]
                }
            },
        },
        "[order of 5 items: 2 × SKU1 at 30 USD; 1 × SKU2 at 9.99; 77]",
    ),
    "an order of one": (
        {"type": "order", "text": "please", "content": {"order": {"product_items": [{"product_retailer_id": "S"}]}}},
        "[order of 1 item: S] please",
    ),
    "an order of a phone's instance": (
        {"type": "order", "text": None, "content": {"order": {"title": "Shoes", "item_count": 2}}},
        "[order of 2 items: Shoes]",
    ),
    "an order of nothing": ({"type": "order", "text": None, "content": {"order": []}}, "[order]"),
    "a picture that WhatsApp could not load": (
        {"type": "image", "text": None, "content": {"errors": [131052]}},
        f"[picture - {NO_FILE}]",
    ),
    "a document that WhatsApp could not load": (
        {"type": "document", "text": "My offer", "content": {"document": {"filename": "a.pdf"}, "errors": [131052]}},
        f"[document: a.pdf - {NO_FILE}] My offer",
    ),
    "a picture with an error beside it": (
        {"type": "image", "text": None, "content": {"image": {"id": "1"}, "errors": [131052]}},
        "[picture]",
    ),
    "coordinates as text": (
        {"type": "location", "text": None, "content": {"location": {"latitude": "24.7", "longitude": "-46.60"}}},
        "[location] 24.7, -46.60",
    ),
    "coordinates that are none": (
        {"type": "location", "text": None, "content": {"location": {"latitude": "north", "longitude": True}}},
        "[location]",
    ),
    "a form": (
        {
            "type": "interactive",
            "text": "Sent",
            "content": {"interactive": {"nfm_reply": {"response_json": '{"day": "Mon"}'}}},
        },
        "[form] Sent; day: Mon",
    ),
    "a permission to call": (
        {
            "type": "interactive",
            "text": None,
            "content": {"interactive": {"call_permission_reply": {"response": "accept"}}},
        },
        "[allows you to call]",
    ),
    "a form of nothing": ({"type": "interactive", "text": None, "content": {"interactive": {}}}, UNSHOWN),
    "a chat that was opened": ({"type": "request_welcome", "text": None}, "[opened the chat]"),
    "a question about a product": (
        {"text": "In stock?", "content": {"referred_product": {"catalog_id": "1949", "product_retailer_id": "YM012"}}},
        "[about the product YM012] In stock?",
    ),
    "a question about a product of Evolution": (
        {"text": "In stock?", "content": {"referred_product": {"title": "Shoe\n4", "product_retailer_id": "S"}}},
        "[about the product Shoe 4 (S)] In stock?",
    ),
    "a product without words": ({"text": None, "content": {"referred_product": {"id": 5}}}, "[about the product 5]"),
    "a product of nothing": ({"text": "Hi", "content": {"referred_product": ["x"]}}, "Hi"),
    "a text of another person": ({"text": "Hi", "content": {"forwarded": True}}, "[forwarded] Hi"),
    "a picture that many people forwarded": (
        {
            "type": "image",
            "text": "Look",
            "content": {"image": {"id": "1"}, "forwarded": True, "frequently_forwarded": True},
        },
        "[forwarded many times] [picture] Look",
    ),
    "a text without a type": ({"type": "unknown", "text": "Hello"}, "Hello"),
    "an unsupported message with words": ({"type": "unsupported", "text": "Hello"}, "Hello"),
    "a message in the app alone": (
        {"type": "unsupported", "text": None, "content": {"errors": [131060]}},
        ONLY_IN_THE_APP,
    ),
    "a message of another code": ({"type": "unsupported", "text": None, "content": {"errors": [131051]}}, UNSHOWN),
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


def test_of_many_products_the_first_are_shown() -> None:
    items = [{"product_retailer_id": f"P{n}"} for n in range(30)]

    line = chat_text(a_customers_message(type="order", text=None, content={"order": {"product_items": items}}))

    assert line.endswith("P19; and 10 more]")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["product_items", "product_retailer_id", "id", "title", "name", "phones", "latitude"])
            | st.text(max_size=4),
            inner,
        )
    ),
    max_leaves=20,
)
TYPES = [
    "text",
    "image",
    "location",
    "contacts",
    "order",
    "interactive",
    "request_welcome",
    "unsupported",
    "unknown",
    "x",
]


@given(
    kind=st.sampled_from(TYPES),
    text=st.none() | st.text(max_size=20),
    content=st.none()
    | st.dictionaries(st.sampled_from([*TYPES, "errors", "referred_product", "forwarded"]), JSON, max_size=5),
)
def test_every_content_is_a_line_that_can_be_sent_on(
    kind: str, text: str | None, content: dict[str, Any] | None
) -> None:
    line = chat_text(a_customers_message(type=kind, text=text, content=content))

    assert 0 < len(line) <= MAX_LINE
    assert line.encode()
