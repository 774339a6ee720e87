from datetime import timedelta
from typing import Any

import pytest

from libs.contracts.decisions import WindowTemplate
from services.policy.domain.delivery_plans import (
    Delivery,
    DeliveryPlan,
    PlanReason,
    parameters_of,
    plan_for,
    template_for,
)
from tests.builders import NOON, PHONE, an_integration

CONFIGURED: dict[str, object] = {
    "name": "reopen",
    "language": "en",
    "languages": ["ar", "pt_BR", "es"],
    "parameters": ["business_name"],
}
LENIENT = an_integration(strict_window=False, window_template=CONFIGURED)
LATER, EARLIER = NOON + timedelta(seconds=1), NOON - timedelta(hours=1)


def plan(integration: Any = LENIENT, closes_at: Any = None, language: str | None = None) -> DeliveryPlan:
    return plan_for(integration, closes_at=closes_at, now=NOON, phone=PHONE, language=language)


@pytest.mark.parametrize(
    ("integration", "closes_at", "delivery", "why"),
    [
        pytest.param(an_integration(), LATER, Delivery.FREE_TEXT, PlanReason.WINDOW_OPEN, id="an open window"),
        pytest.param(
            an_integration(), NOON, Delivery.REFUSED, PlanReason.WINDOW_EXPIRED, id="a window that closes just now"
        ),
        pytest.param(
            an_integration(), None, Delivery.REFUSED, PlanReason.NEVER_MESSAGED, id="a customer who never wrote"
        ),
        pytest.param(
            an_integration(window_template=CONFIGURED),
            EARLIER,
            Delivery.REFUSED,
            PlanReason.WINDOW_EXPIRED,
            id="a template, but a strict window",
        ),
        pytest.param(
            an_integration(strict_window=False),
            EARLIER,
            Delivery.REFUSED,
            PlanReason.WINDOW_EXPIRED,
            id="no strict window, but no template",
        ),
        pytest.param(
            an_integration(strict_window=False, window_template={"language": "en"}),
            EARLIER,
            Delivery.REFUSED,
            PlanReason.WINDOW_EXPIRED,
            id="a template without a name",
        ),
        pytest.param(
            LENIENT, LATER, Delivery.FREE_TEXT, PlanReason.WINDOW_OPEN, id="text wins while the window is open"
        ),
        pytest.param(
            LENIENT, EARLIER, Delivery.TEMPLATE, PlanReason.WINDOW_EXPIRED, id="the template when it has closed"
        ),
        pytest.param(
            LENIENT, None, Delivery.TEMPLATE, PlanReason.NEVER_MESSAGED, id="the template when it never was open"
        ),
    ],
)
def test_how_a_message_goes(integration: Any, closes_at: Any, delivery: Delivery, why: PlanReason) -> None:
    made = plan(integration, closes_at)

    assert (made.delivery, made.reason, made.window_closes_at) == (delivery, why, closes_at)
    assert (made.template is not None) == (integration is LENIENT)


def test_a_plan_tells_reason_and_until_when() -> None:
    assert plan(an_integration(), EARLIER).details() == {
        "reason": "window_expired",
        "closed_at": EARLIER.isoformat(),
    }
    assert plan(an_integration()).details() == {"reason": "never_messaged"}


@pytest.mark.parametrize(
    ("phone", "language", "expected"),
    [
        pytest.param("+966512345678", None, "ar", id="the language of the phone's country"),
        pytest.param("+5511912345678", None, "pt_BR", id="the country's own variant"),
        pytest.param("+351912345678", None, "pt_BR", id="another country's variant of its language"),
        pytest.param("+818012345678", None, "en", id="the template's own language for a country we do not know"),
        pytest.param("+966512345678", "es", "es", id="what 3CX says wins"),
        pytest.param("+966512345678", "es-MX", "es", id="a variant that we lack"),
        pytest.param("+966512345678", " AR ", "ar", id="in any case"),
        pytest.param("+966512345678", "ja", "ar", id="a language that the template lacks"),
        pytest.param(None, None, "en", id="nothing known"),
    ],
)
def test_the_language_that_fits_best(phone: str | None, language: str | None, expected: str) -> None:
    template = template_for(CONFIGURED, phone, language)

    assert template is not None
    assert template.language == expected


@pytest.mark.parametrize(
    "configured",
    [
        pytest.param({"name": ""}, id="an empty name"),
        pytest.param({"name": 7}, id="a name that is no text"),
        pytest.param(None, id="nothing"),
    ],
)
def test_an_unusable_template_is_none(configured: dict[str, object] | None) -> None:
    assert template_for(configured, PHONE, None) is None


def test_whatever_else_is_stored_of_a_template_does_no_harm() -> None:
    odd: dict[str, object] = {"name": "reopen", "language": 7, "languages": "ar", "parameters": ["text", 3, "queue"]}

    assert template_for(odd, PHONE, None) == WindowTemplate(name="reopen", language="en", parameters=("queue",))


def test_placeholders_are_never_empty_and_never_the_text() -> None:
    template = WindowTemplate(name="reopen", language="en", parameters=("queue", "business_name"))

    assert parameters_of(template, {"business_name": "Acme\nClinic"}) == ["-", "Acme Clinic"]
