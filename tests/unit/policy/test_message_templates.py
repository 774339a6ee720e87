import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.decisions import TEMPLATE_VARIABLES
from services.policy.domain.message_templates import MAX_TEXT, MAX_VALUE, rendered_text

VALUES = {
    "customer_phone": "+966512345678",
    "agent_extension": "101",
    "queue": "800",
    "call_time": "2026-11-23 12:00",
    "business_name": "Acme Clinic",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("We missed you.", "We missed you.", id="plain text"),
        pytest.param("{{customer_phone}} {{ queue }}", "+966512345678 800", id="variables, with and without spaces"),
        pytest.param("{{agent_extension}}/{{call_time}}", "101/2026-11-23 12:00", id="variables side by side"),
        pytest.param("Regards,\n{{business_name}}\n", "Regards,\nAcme Clinic", id="line breaks stay, ends are trimmed"),
        pytest.param("{{salary}}", None, id="an unknown variable"),
        pytest.param("{{ 'a' * 1000000000 }}", None, id="something that computes"),
        pytest.param("{{ business_name|upper }}", None, id="a filter"),
        pytest.param("{{ business_name.__class__ }}", None, id="an attribute"),
        pytest.param("{{ business_name[0] }}", None, id="an item"),
        pytest.param("{% for x in queue %}{{queue}}{% endfor %}", None, id="a loop"),
        pytest.param("{% set queue = 1 %}{{queue}}", None, id="an assignment"),
        pytest.param("{% include 'x' %}", None, id="another file"),
        pytest.param("{{ queue", None, id="a brace that never closes"),
        pytest.param("{{ " + "(" * 2000, None, id="nesting that exhausts a parser"),
        pytest.param("   ", None, id="nothing to say"),
    ],
)
def test_a_template_is_text_and_five_variables(text: str, expected: str | None) -> None:
    assert rendered_text(text, VALUES) == expected


def test_a_value_is_never_read_as_a_template() -> None:
    values = VALUES | {"queue": "{{customer_phone}} {% raw %}", "business_name": "{{ 7*7 }}"}

    assert rendered_text("{{queue}}|{{business_name}}", values) == "{{customer_phone}} {% raw %}|{{ 7*7 }}"


def test_a_variable_without_a_value_is_empty() -> None:
    assert rendered_text("Queue: {{queue}}.", VALUES | {"queue": None}) == "Queue: ."
    assert rendered_text("{{queue}}", {}) is None


def test_a_value_is_one_line_of_bounded_length() -> None:
    result = rendered_text("{{queue}}", {"queue": "a\n\n b" + "c" * 1000})

    assert result is not None
    assert result.startswith("a bc")
    assert len(result) == MAX_VALUE


def test_a_message_is_cut_at_whatsapps_limit() -> None:
    result = rendered_text("{{queue}}" * 100, {"queue": "x" * 200})

    assert result == "x" * MAX_TEXT


@given(text=st.text(max_size=200), value=st.text(max_size=50))
def test_whatever_a_template_says_it_never_raises_and_never_runs(text: str, value: str) -> None:
    result = rendered_text(text, dict.fromkeys(TEMPLATE_VARIABLES, value))

    assert result is None or 0 < len(result) <= MAX_TEXT


@given(value=st.text(alphabet=st.characters(codec="utf-8"), max_size=100))
def test_any_value_is_put_in_as_it_stands_on_one_line(value: str) -> None:
    assert rendered_text("[{{business_name}}]", {"business_name": value}) == f"[{' '.join(value.split())}]"
