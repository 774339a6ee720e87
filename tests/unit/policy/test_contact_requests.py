"""A customer is asked for the phone number at most once in 30 days, by whichever integration and under each name."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved, WebhookAnswered
from libs.contracts.known_templates import KnownButton
from services.policy.domain.contact_requests import PERIOD
from tests.builders import NOON, PSEUDONYMS, a_webhook, an_integration, received, stored
from tests.unit.policy.fakes import FakeDecisions, FakeDirectory, FakeTemplates, gather_requests
from tests.unit.policy.test_content_form import NAMED, content
from tests.unit.policy.test_decide_webhook import a_decide_webhook

QUESTION = content(interactive={"type": "request_contact_info", "text": "May we have your number?"})
SHARING = replace(
    NAMED,
    name="sharing",
    body="Hi",
    parameters=(),
    named=False,
    buttons=(KnownButton(index=0, type="REQUEST_CONTACT_INFO"),),
)
TEMPLATE = content(template={"name": "sharing", "language": "de"})
USER = "SA.1234567890"


async def asked(decisions: FakeDecisions, number: int, *, days: float = 0, **changes: Any) -> Any:
    """The answer to the request with this number, some days after the first one."""
    decide = a_decide_webhook(decisions, requests=gather_requests(FakeTemplates({"num_1": [SHARING]})))
    at = NOON + timedelta(days=days)
    decisions.known = stored(now=at)
    payload = QUESTION | {"to": None, "user_id": USER} | changes
    return await decide(received(a_webhook(**payload), id=UUID(int=number), at=at))


async def test_a_second_request_within_thirty_days_is_refused_and_says_until_when() -> None:
    decisions = FakeDecisions()

    first, second = await asked(decisions, 1), await asked(decisions, 2, days=29)
    third = await asked(decisions, 3, days=30)

    assert isinstance(first, MessageApproved)
    assert isinstance(second, WebhookAnswered)
    assert (second.code, second.details) == (
        ErrorCode.SENDING_THROTTLED,
        {"scope": "contact_request", "until": (NOON + PERIOD).isoformat(), "retry_after": 86_400},
    )
    assert isinstance(third, MessageApproved)


async def test_the_same_request_again_is_no_second_one() -> None:
    decisions = FakeDecisions()

    assert [type(await asked(decisions, 1)) for _ in range(2)] == [MessageApproved] * 2


async def test_a_template_with_the_button_counts_as_a_request() -> None:
    decisions = FakeDecisions()

    first = await asked(decisions, 1, **TEMPLATE | {"interactive": None})
    second = await asked(decisions, 2)

    assert isinstance(first, MessageApproved)
    assert second.code is ErrorCode.SENDING_THROTTLED


OTHERS: dict[str, dict[str, Any]] = {
    "another customer": {"user_id": "SA.999"},
    "a text": {"interactive": None, "text": "Hello"},
    "buttons": content(interactive={"text": "When?", "buttons": [{"id": "1", "title": "Now"}]}),
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS.keys())
async def test_nothing_else_is_refused(changes: dict[str, Any]) -> None:
    decisions = FakeDecisions()
    await asked(decisions, 1)

    assert isinstance(await asked(decisions, 2, **changes), MessageApproved)


async def test_a_request_that_the_fallback_template_replaces_asks_for_nothing() -> None:
    decisions = FakeDecisions(known=stored(wrote=None))
    fallback = an_integration(strict_window=False, window_template={"name": "reopen", "language": "en"})
    decide = a_decide_webhook(decisions, FakeDirectory(integrations={"int_1": fallback}))

    approved = await decide(received(a_webhook(**QUESTION, to=None, user_id=USER), id=UUID(int=1)))

    assert isinstance(approved, MessageApproved)
    assert decisions.cooldowns == {}


async def test_the_key_is_that_of_the_user_id_so_that_it_stays_when_the_phone_is_known() -> None:
    decisions = FakeDecisions()

    await asked(decisions, 1)

    assert list(decisions.cooldowns) == [f"acc_1:request_contact_info:{PSEUDONYMS.customer_key('acc_1', USER)}"]
