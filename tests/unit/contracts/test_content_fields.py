"""What a body may hold besides text, and what is told of a value that cannot be used."""

from typing import Any

import pytest

from libs.contracts.content_fields import content_from

TEMPLATE = {"name": "order_ready", "language": "de"}
IMAGE = {"kind": "image", "url": "https://files.example.com/a.jpg"}
UPLOAD = "upl_" + "0a" * 16
BUTTON, ROW = {"id": "b1", "title": "Yes"}, {"id": "r1", "title": "Monday"}


def buttons(*given: Any, text: str = "When?") -> dict[str, Any]:
    return {"text": text, "buttons": list(given)}


def rows(*given: Any, text: str = "When?", button: str | None = "Choose") -> dict[str, Any]:
    return {"text": text, "rows": list(given)} | ({} if button is None else {"button": button})


GOOD = [
    {"template": TEMPLATE},
    {"template": TEMPLATE | {"body": ["Anna", "12:30"]}},
    {"template": TEMPLATE | {"language": "pt_BR", "body": {"first_name": "Anna"}}},
    {"template": TEMPLATE | {"header": {"text": ["42"]}}},
    {"template": TEMPLATE | {"header": {"media": IMAGE}}},
    {"template": TEMPLATE | {"buttons": [{"index": 0, "type": "url", "value": "AB12"}]}},
    {"media": IMAGE | {"caption": "c" * 1024}},
    {"media": {"kind": "document", "upload_id": UPLOAD, "filename": "bill.pdf"}},
    {"interactive": buttons(*({"id": f"b{n}", "title": f"t{n}" + "x" * 18} for n in range(3)), text="t" * 1024)},
    {"interactive": rows(*(ROW | {"id": f"{n}", "description": "d" * 72} for n in range(10)), text="t" * 4096)},
]
BAD = [
    ({"template": "order_ready"}, "template", "invalid", None),
    ({"template": {"name": "order_ready"}}, "template.language", "missing", None),
    ({"template": TEMPLATE | {"name": "Order ready"}}, "template.name", "invalid", None),
    ({"template": TEMPLATE | {"language": "German"}}, "template.language", "invalid", None),
    ({"template": TEMPLATE | {"body": [1]}}, "template.body.0", "invalid", None),
    ({"template": TEMPLATE | {"body": ["  "]}}, "template.body.0", "missing", None),
    ({"template": TEMPLATE | {"+966512345678": 1}}, "template.…", "unknown_field", None),
    ({"template": TEMPLATE | {"header": {}}}, "template.header", "one_of_text_and_media", None),
    (
        {"template": TEMPLATE | {"header": {"media": IMAGE | {"caption": "c"}}}},
        "template.header",
        "no_caption_and_no_audio",
        None,
    ),
    (
        {"template": TEMPLATE | {"buttons": [{"index": 0, "type": "call", "value": "1"}]}},
        "template.buttons.0.type",
        "unknown_value",
        None,
    ),
    (
        {"template": TEMPLATE | {"buttons": [{"index": 0, "type": "url", "value": "1"}] * 2}},
        "template",
        "an_index_twice",
        None,
    ),
    ({"media": IMAGE | {"kind": "sticker"}}, "media.kind", "unknown_value", None),
    ({"media": {"kind": "image"}}, "media", "one_of_url_and_upload_id", None),
    ({"media": IMAGE | {"upload_id": UPLOAD}}, "media", "one_of_url_and_upload_id", None),
    ({"media": {"kind": "image", "upload_id": "../../etc"}}, "media.upload_id", "invalid", None),
    ({"media": IMAGE | {"caption": "c" * 1025}}, "media.caption", "too_long", 1024),
    ({"media": IMAGE | {"kind": "audio", "caption": "c"}}, "media", "audio_takes_no_caption", None),
    (
        {"interactive": buttons(*({"id": f"b{n}", "title": f"t{n}"} for n in range(4)))},
        "interactive.buttons",
        "too_many",
        3,
    ),
    ({"interactive": buttons(BUTTON | {"title": "t" * 21})}, "interactive.buttons.0.title", "too_long", 20),
    ({"interactive": buttons(BUTTON | {"id": "i" * 257})}, "interactive.buttons.0.id", "too_long", 256),
    ({"interactive": buttons(BUTTON, BUTTON | {"title": "No"})}, "interactive", "an_id_twice", None),
    ({"interactive": buttons(BUTTON, BUTTON | {"id": "b2"})}, "interactive", "a_title_twice", None),
    ({"interactive": buttons(BUTTON, text="t" * 1025)}, "interactive", "too_long", 1024),
    ({"interactive": buttons()}, "interactive", "buttons_or_a_list", None),
    ({"interactive": buttons(BUTTON) | rows(ROW)}, "interactive", "buttons_or_a_list", None),
    ({"interactive": rows(ROW, button=None)}, "interactive", "buttons_or_a_list", None),
    ({"interactive": rows(ROW, button="b" * 21)}, "interactive.button", "too_long", 20),
    ({"interactive": rows(ROW | {"title": "t" * 25})}, "interactive.rows.0.title", "too_long", 24),
    ({"interactive": rows(ROW | {"description": "d" * 73})}, "interactive.rows.0.description", "too_long", 72),
    ({"interactive": rows(*(ROW | {"id": f"{n}"} for n in range(11)))}, "interactive.rows", "too_many", 10),
    ({"interactive": rows(ROW, text="t" * 4097)}, "interactive.text", "too_long", 4096),
]


@pytest.mark.parametrize("body", GOOD, ids=lambda body: str(body)[:60])
def test_a_content_that_whatsapp_takes_is_read(body: dict[str, Any]) -> None:
    read = content_from(body)

    [name] = body
    assert read[name].model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    assert "content_problem" not in read


@pytest.mark.parametrize(("body", "field", "problem", "limit"), BAD, ids=[f"{f} {p}" for _, f, p, _ in BAD])
def test_a_value_that_cannot_be_used_is_named_and_not_repeated(
    body: dict[str, Any], field: str, problem: str, limit: int | None
) -> None:
    read = content_from(body)

    assert set(read) == {"content_problem"}
    found = read["content_problem"]
    assert (found.field, found.problem, found.limit) == (field, problem, limit)


def test_control_characters_are_removed_and_nothing_shows_in_a_repr() -> None:
    read = content_from({"media": IMAGE | {"caption": "a\x00b\x1b[31m", "filename": "secret.jpg"}})

    assert read["media"].caption == "ab[31m"
    assert "secret" not in repr(read)
    assert "example" not in repr(read)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("wamid.A", "wamid.A"), (" wamid.A ", "wamid.A"), ("", "-"), (3, "-"), ("ü", "-"), ("a" * 257, "-")],
)
def test_a_reference_that_can_be_none_refers_to_nothing(given: object, kept: str) -> None:
    assert content_from({"reply_to": given}) == {"reply_to": kept}


def test_a_body_without_content_reads_as_nothing() -> None:
    assert content_from({"message_text": "Hello", "template": None}) == {}
