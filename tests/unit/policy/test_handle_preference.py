from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

import pytest

from libs.contracts.events import (
    SuppressionAdded,
    SuppressionLifted,
    WhatsAppPreferenceChanged,
)
from services.policy.handlers.handle_preference import HandlePreference
from tests.builders import (
    EVENT_ID,
    NOON,
    PHONE,
    received,
)
from tests.unit.policy.inbound import (
    BY_PHONE,
    MARKETING,
    InboundMessages,
    suppressed,
)


def a_preference(value: str, at: datetime = NOON, **changes: Any) -> Any:
    fields: dict[str, Any] = {"category": "marketing_messages", "customer": PHONE}
    event = WhatsAppPreferenceChanged(account_id="acc_1", number_id="num_1", value=value, at=at, **(fields | changes))
    return received(event, id=uuid5(EVENT_ID, f"{value}:{at}"))


def handle_preference(inbound: InboundMessages) -> HandlePreference:
    return HandlePreference(
        inbound.suppressions, inbound.customer_identities, inbound.contacts, lambda: NOON, inbound.ledger
    )


async def test_who_stops_marketing_is_suppressed_for_marketing_alone() -> None:
    inbound = InboundMessages()

    [added] = await handle_preference(inbound)(a_preference("stop"))

    assert isinstance(added, SuppressionAdded)
    assert (added.kind, added.source, added.number_id) == ("marketing", "provider", "num_1")
    assert (suppressed(inbound, MARKETING), suppressed(inbound)) == ({BY_PHONE}, set())


async def test_who_resumes_marketing_is_not_suppressed_any_more() -> None:
    inbound = InboundMessages()
    await inbound("STOP")
    await handle_preference(inbound)(a_preference("stop"))
    resume = a_preference("resume", NOON + timedelta(minutes=1))

    first, again = await handle_preference(inbound)(resume), await handle_preference(inbound)(resume)

    assert [type(event) for event in first] == [SuppressionLifted]
    assert again == first
    assert (suppressed(inbound, MARKETING), suppressed(inbound)) == (set(), {BY_PHONE})


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(a_preference("stop", category="utility"), id="a category that we do not know"),
        pytest.param(a_preference("pause"), id="a wish that we do not know"),
        pytest.param(a_preference("stop", customer=None), id="nobody"),
    ],
)
async def test_a_preference_that_we_do_not_understand_changes_nothing(told: Any) -> None:
    inbound = InboundMessages()

    assert await handle_preference(inbound)(told) == ()
    assert inbound.suppressions.rows == {}
