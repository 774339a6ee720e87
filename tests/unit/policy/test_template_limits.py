"""WhatsApp's limit of customers who get templates within 24 hours, where a notice named one."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from libs.contracts.events import MessageApproved, WebhookAnswered
from libs.store.restrictions import RestrictionKind, of_business_account
from tests.builders import NOON, a_restriction, a_webhook, an_integration, received, stored
from tests.unit.policy.fakes import FakeDecisions, FakeDirectory, FakeTemplateRecipients
from tests.unit.policy.inbound import CUSTOMER_KEY
from tests.unit.policy.test_decide_webhook import a_decide_webhook

WITH_TEMPLATE = an_integration(strict_window=False, window_template={"name": "reopen", "language": "en"})
LONG_AGO = timedelta(days=-2)


def a_limit(limit: Any) -> Any:
    return a_restriction(
        of_business_account("num_1"),
        kind=RestrictionKind.TEMPLATE_LIMIT,
        cause="business_capability_update",
        detail={"limit": limit},
    )


async def decided(
    recipients: FakeTemplateRecipients, *limits: Any, wrote: timedelta | None = LONG_AGO
) -> MessageApproved | WebhookAnswered:
    decisions = FakeDecisions(known=stored(wrote=wrote, restrictions=[a_limit(limit) for limit in limits]))
    directory = FakeDirectory(integrations={"int_1": WITH_TEMPLATE})
    return await a_decide_webhook(decisions, directory, recipients=recipients)(received(a_webhook(), id=uuid4()))


def counted(customers: int, at: timedelta = timedelta(hours=-1)) -> FakeTemplateRecipients:
    return FakeTemplateRecipients({f"customer-{n}": NOON + at for n in range(customers)})


@pytest.mark.parametrize(
    ("recipients", "limits", "wrote", "approved"),
    [
        pytest.param(counted(9), [10], LONG_AGO, True, id="one below the limit"),
        pytest.param(counted(10), [10], LONG_AGO, False, id="at the limit"),
        pytest.param(counted(10), [10, 1000], LONG_AGO, False, id="the smaller of two limits"),
        pytest.param(counted(10), [], LONG_AGO, True, id="no limit is known"),
        pytest.param(counted(10), ["ten"], LONG_AGO, True, id="a limit that is no number"),
        pytest.param(counted(10), [True], LONG_AGO, True, id="a limit that is a truth value"),
        pytest.param(counted(10), [10], timedelta(hours=-1), True, id="a reply in the window is no template"),
        pytest.param(counted(10, timedelta(hours=-24)), [10], LONG_AGO, True, id="they were counted 24 hours ago"),
        pytest.param(FakeTemplateRecipients({CUSTOMER_KEY: NOON}), [1], LONG_AGO, True, id="counted already"),
    ],
)
async def test_templates_go_to_as_many_customers_as_whatsapp_allows(
    recipients: FakeTemplateRecipients, limits: list[Any], wrote: timedelta, *, approved: bool
) -> None:
    result = await decided(recipients, *limits, wrote=wrote)

    assert isinstance(result, MessageApproved) is approved


async def test_the_refusal_says_when_there_is_room_again() -> None:
    result = await decided(counted(10), 10)

    assert isinstance(result, WebhookAnswered)
    assert result.code == "daily_message_limit_exceeded"
    assert result.details == {
        "period": "whatsapp_24_hours",
        "limit": 10,
        "used": 10,
        "resets_at": (NOON + timedelta(hours=23)).isoformat(),
        "retry_after": 23 * 3600,
    }
    assert result.receipt[-1].rule == "template_limit_is_not_used_up"


async def test_a_customer_is_counted_once_and_only_for_a_template() -> None:
    recipients = FakeTemplateRecipients()

    await decided(recipients, 10)
    await decided(recipients, 10)
    await decided(recipients, 10, wrote=timedelta(hours=-1))

    assert recipients.counted == {CUSTOMER_KEY: NOON}


async def test_nothing_is_counted_where_no_limit_is_known() -> None:
    recipients = FakeTemplateRecipients()

    await decided(recipients)

    assert recipients.counted == {}


@pytest.mark.parametrize(("customers", "near"), [(6, 0), (7, 1)], ids=["70 %", "80 %"])
async def test_from_80_percent_on_the_metric_counts(customers: int, near: int) -> None:
    before = REGISTRY.get_sample_value("gateway_templates_near_limit_total") or 0

    await decided(counted(customers), 10)

    assert (REGISTRY.get_sample_value("gateway_templates_near_limit_total") or 0) - before == near
