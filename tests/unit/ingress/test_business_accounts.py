"""Whose notices are whose: a business account is learnt from its posts, and its notices go to each of its accounts."""

from datetime import UTC, datetime
from uuid import UUID

from libs.contracts.errors import unavailable
from libs.contracts.events import WhatsAppAccountUpdated, WhatsAppMessageReceived
from libs.providers.inbound import InboundEvent
from libs.store.accounts import Number
from services.ingress.handlers.business_accounts import AttributeUpdates
from tests.unit.ingress.world import FakeDirectory

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_number(number_id: str, account_id: str = "acc-1", **fields: object) -> Number:
    given = {"provider": "cloud_api", "business_account_id": "w1", "created_at": NOW, "updated_at": NOW} | fields
    row = {"id": number_id, "account_id": account_id, "phone_number_id": f"p-{number_id}", "sealed_token": "x"}
    return Number.model_validate(row | given)


def a_notice(waba: str | None = "w1") -> InboundEvent:
    event = WhatsAppAccountUpdated(topic="account_update", business_account_id=waba or "unknown")
    return InboundEvent(UUID(int=1), event, waba)


def a_message(waba: str | None = "w1") -> InboundEvent:
    event = WhatsAppMessageReceived(
        number_id="n1", message_id="wamid.1", customer="+966500000001", type="text", text="Hello", sent_at=NOW
    )
    return InboundEvent(UUID(int=2), event, waba)


def attributing(*numbers: Number) -> tuple[AttributeUpdates, FakeDirectory]:
    directory = FakeDirectory(numbers={number.id: number for number in numbers})
    return AttributeUpdates(business_accounts=directory, learn=directory.learn, clock=lambda: NOW), directory


async def test_a_notice_goes_to_every_account_with_a_number_in_the_business_account() -> None:
    attribute, _ = attributing(
        a_number("n1"),
        a_number("n2"),
        a_number("n3", "acc-2"),
        a_number("n4", "acc-3", business_account_id="w2"),
        a_number("n5", "acc-4", provider="evolution"),
    )

    first = await attribute.for_each_account("cloud_api", a_notice())
    again = await attribute.for_each_account("cloud_api", a_notice())

    assert [each.event.account_id for each in first] == ["acc-1", "acc-2"]
    assert len({each.id for each in first}) == 2
    assert first == again


async def test_a_notice_about_a_business_account_of_nobody_is_for_no_account() -> None:
    attribute, _ = attributing(a_number("n1"))

    [found] = await attribute.for_each_account("cloud_api", a_notice("w9"))

    assert found == a_notice("w9")


async def test_a_business_account_is_learnt_once_from_the_posts_that_name_the_number() -> None:
    number = a_number("n1", business_account_id=None)
    attribute, directory = attributing(number)

    for _ in range(3):
        await attribute.learn_from(a_message(), number)

    assert directory.learnt == [("n1", "w1")]


async def test_a_number_that_moved_is_learnt_anew() -> None:
    number = a_number("n1")
    attribute, directory = attributing(number)

    await attribute.learn_from(a_message("w2"), number)

    assert directory.learnt == [("n1", "w2")]


async def test_what_is_known_or_not_named_is_not_learnt() -> None:
    attribute, directory = attributing(a_number("n1"))

    await attribute.learn_from(a_message("w1"), a_number("n1"))
    await attribute.learn_from(a_message(None), a_number("n1"))

    assert directory.learnt == []


async def test_a_store_that_is_away_does_not_stop_the_message_and_the_next_post_is_learnt_from() -> None:
    number = a_number("n1", business_account_id=None)
    tries: list[str] = []

    async def learn(number_id: str, waba: str, cause: UUID, at: datetime) -> bool:
        tries.append(waba)
        if len(tries) == 1:
            raise unavailable("store")
        return True

    attribute = AttributeUpdates(business_accounts=FakeDirectory(), learn=learn, clock=lambda: NOW)
    for _ in range(3):
        await attribute.learn_from(a_message(), number)

    assert tries == ["w1", "w1"]
