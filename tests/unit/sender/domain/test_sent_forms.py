"""The form in which an approved message is sent."""

from datetime import timedelta
from typing import Any

import pytest

from services.sender.domain.sent_forms import SentTemplate, form_of, template_from
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import approved

TEMPLATE = {"name": "reopen", "language": "ar", "parameters": ["Ann"]}
SENT = SentTemplate("reopen", "ar", ("Ann",))
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("message", "window_closed", "form"),
    [
        pytest.param({}, False, None, id="a text without template, window unknown"),
        pytest.param({"window_closes_at": NOON - SECOND}, False, None, id="a text without template, window past"),
        pytest.param({"template": TEMPLATE}, False, SENT, id="a template, window unknown"),
        pytest.param({"template": TEMPLATE, "window_closes_at": NOON + SECOND}, False, None, id="both, window open"),
        pytest.param({"template": TEMPLATE, "window_closes_at": NOON}, False, SENT, id="both, the window ends now"),
        pytest.param(
            {"template": TEMPLATE, "window_closes_at": NOON + SECOND}, True, SENT, id="both, WhatsApp says it is closed"
        ),
        pytest.param(
            {"template": TEMPLATE, "text": "", "window_closes_at": NOON + SECOND}, False, SENT, id="a template alone"
        ),
    ],
)
def test_a_text_goes_only_while_its_window_is_open(
    message: dict[str, Any], form: SentTemplate | None, *, window_closed: bool
) -> None:
    assert form_of(approved(**message), now=NOON, window_closed=window_closed) == form


@pytest.mark.parametrize(
    ("fields", "template"),
    [
        ({}, SentTemplate("", "en", ())),
        ({"name": None, "language": None, "parameters": None}, SentTemplate("", "en", ())),
        ({"name": "a", "parameters": [1, "b"]}, SentTemplate("a", "en", ("1", "b"))),
        ({"name": "a", "parameters": "bc"}, SentTemplate("a", "en", ())),
    ],
)
def test_a_stored_template_is_read_leniently(fields: dict[str, Any], template: SentTemplate) -> None:
    assert template_from(fields) == template
    assert template.key == (template.name, template.language)
