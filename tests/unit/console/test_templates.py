"""The texts of templates that operators may save."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.domain.templates import VARIABLES, template_problem


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("Hello", id="plain text"),
        pytest.param("Call {{customer_phone}} {{ queue }} {{call_time}}, {{agent_extension}}", id="the variables"),
        pytest.param("{{business_name}} {{-queue-}}", id="trimmed variables"),
        pytest.param("{ 50 % } نراك قريبا 🙂", id="any script and single braces"),
    ],
)
def test_a_template_of_text_and_variables_may_be_saved(text: str) -> None:
    assert template_problem(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ salary }}", "unknown variable {{salary}}"),
        ("{{ customer_phone.__class__ }}", "text and variables alone"),
        ("{{ 'a' * 1000000000 }}", "text and variables alone"),
        ("{{ 7 }}", "text and variables alone"),
        ("{{ customer_phone | upper }}", "text and variables alone"),
        ("{{ cycler() }}", "text and variables alone"),
        ("{% for a in queue %}{% endfor %}", "text and variables alone"),
        ("{% set queue = 1 %}", "text and variables alone"),
        ("{% include 'x' %}", "text and variables alone"),
        ("{{ customer_phone", "no valid template"),
        ("{{ }}", "no valid template"),
        ("{{" + "(" * 500, "no valid template"),
        ("{{" + "-" * 1000 + "1}}", "template"),
    ],
)
def test_a_template_that_computes_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    assert said in (template_problem(text) or "")


@given(st.text(max_size=200))
def test_a_template_without_braces_is_text(text: str) -> None:
    assert template_problem(re.sub("[{}]", "", text)) is None


@given(st.from_regex(r"\A[a-z_]{1,20}\Z"))
def test_five_variables_exist_and_no_others(name: str) -> None:
    reserved = {"true", "false", "none", "not", "and", "or", "if", "in", "is"}

    assert (template_problem(f"{{{{ {name} }}}}") is None) == (name in VARIABLES and name not in reserved)
