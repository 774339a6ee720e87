"""Interactive messages as text: a form's answers, a row, a permission to call."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.domain.chat_answers import MAX_ANSWER, MAX_ANSWERS, PERMISSION, interactive_text


def a_form(answers: object, **fields: Any) -> dict[str, Any]:
    response = answers if isinstance(answers, str) else json.dumps(answers)
    return {"type": "nfm_reply", "nfm_reply": {"name": "flow", "response_json": response} | fields}


def a_permission(response: object) -> dict[str, Any]:
    return {"type": "call_permission_reply", "call_permission_reply": {"response": response}}


CASES: dict[str, tuple[Any, str, str]] = {
    "a form": (
        a_form({"flow_token": "t", "appointment": "Mon 10:00", "name": "Layla"}),
        "Sent",
        "[form] Sent; appointment: Mon 10:00; name: Layla",
    ),
    "a form without words": (a_form({"name": "Layla"}), "", "[form] name: Layla"),
    "a form with its words in its object alone": (
        a_form({"name": "Layla"}, body="Sent"),
        "",
        "[form] Sent; name: Layla",
    ),
    "an address": (a_form({}, name="address_message"), "Layla\nKing St 1", "[form] Layla\nKing St 1"),
    "an address with its parts": (
        a_form({"values": {"in_pin_code": "400064", "floor": 2}}),
        "Layla",
        "[form] Layla; in_pin_code: 400064; floor: 2",
    ),
    "answers of several kinds": (
        a_form({"days": ["Mon", "Tue"], "agree": True, "never": False, "people": 3, "price": 1.5, "none": None}),
        "",
        "[form] days: Mon, Tue; agree: yes; never: no; people: 3; price: 1.5",
    ),
    "objects in a list": (
        a_form({"rooms": [{"size": 2}, {"size": 3}, "any"]}),
        "",
        "[form] rooms: any; size: 2; size: 3",
    ),
    "answers on several lines": (a_form({"name": "Layla\n  B"}), "", "[form] name: Layla B"),
    "answers that are an object already": (
        {"nfm_reply": {"response_json": {"name": "Layla"}}},
        "",
        "[form] name: Layla",
    ),
    "answers that are no JSON": (a_form('{"name": "Lay'), "Sent", '[form] Sent; {"name": "Lay'),
    "answers that are one text": (a_form('"Layla"'), "", "[form] Layla"),
    "a form without answers": ({"nfm_reply": {"name": "flow"}}, "Sent", "[form] Sent"),
    "an empty form": ({"nfm_reply": {}}, "", "[form]"),
    "a press in the shape of a form": (a_form({"id": "y1"}, name="quick_reply"), "Yes", "Yes"),
    "a permission": (a_permission("accept"), "", "[allows you to call]"),
    "no permission": (a_permission("reject"), "", "[does not allow you to call]"),
    "a permission of next year": (a_permission("ask later"), "", PERMISSION),
    "a permission of no word": (a_permission(["accept"]), "", PERMISSION),
    "a row": ({"list_reply": {"id": "r1", "title": "Mon"}}, "Mon", "Mon"),
    "a row with a description": (
        {"list_reply": {"id": "r1", "title": "Mon", "description": "10:00 room 2"}},
        "Mon",
        "Mon (10:00 room 2)",
    ),
    "a button": ({"button_reply": {"id": "b1", "title": "Yes"}}, "Yes", "Yes"),
    "a choice of nothing": ({}, "", ""),
    "no object": (["x"], "Yes", "Yes"),
}


@pytest.mark.parametrize(("own", "words", "text"), CASES.values(), ids=CASES)
def test_a_choice_is_text(own: Any, words: str, text: str) -> None:
    assert interactive_text(own, words) == text


def test_of_many_answers_the_first_are_shown() -> None:
    text = interactive_text(a_form({f"q{n}": "a" for n in range(MAX_ANSWERS + 7)}), "")

    assert text.endswith(f"q{MAX_ANSWERS - 1}: a; and 7 more")


def test_a_long_answer_is_cut() -> None:
    assert len(interactive_text(a_form({"q": "a" * 5_000}), "")) < MAX_ANSWER + 20


@pytest.mark.parametrize("answers", ["[" * 16_000, "[" * 500 + "]" * 500, '{"a":' * 3_000, "1" * 9_000, "1e999", "NaN"])
def test_no_json_is_too_much(answers: str) -> None:
    assert interactive_text(a_form(answers), "Sent").startswith("[form] Sent")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["nfm_reply", "response_json", "list_reply", "response"]) | st.text(), inner)
    ),
    max_leaves=20,
)


@given(JSON, st.text(max_size=20).filter(str.isprintable))
def test_every_object_is_a_text_that_can_be_sent_on(own: Any, words: str) -> None:
    assert interactive_text(own, words).encode().decode() == interactive_text(own, words)


@given(JSON)
def test_what_a_form_has_escaped_is_clean(answers: Any) -> None:
    text = interactive_text(a_form(json.dumps({"a\u0007\ud800": answers, "b": "\x00\udfff\x1b[31m"})), "")

    assert text.isprintable() or all(each.isprintable() or each.isspace() or ord(each) > 0x9F for each in text)
    assert text.encode()
