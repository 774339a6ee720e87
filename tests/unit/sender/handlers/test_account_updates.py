"""Notices about business accounts and templates, as Meta writes them, in any order and with words that nobody knows."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from libs.chassis.subscriptions import Received
from libs.contracts.events import WhatsAppAccountUpdated
from libs.store.restrictions import RestrictionKind, of_business_account
from services.sender.domain.account_updates import ACCOUNT_STOPPED, TEMPLATE_STOPPED, TEMPLATE_USABLE
from services.sender.handlers.account_updates import HandleAccountUpdate
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import Gateway, a_number
from tests.unit.sender.restricted import a_restriction

NUMBERS = (
    a_number(business_account_id="w1"),
    a_number(id="n2", phone_number_id="2", business_account_id="w1"),
    a_number(id="n3", phone_number_id="3", business_account_id="w1", account_id="a2"),
)
TEMPLATE: dict[str, Any] = {
    "message_template_name": "order",
    "message_template_language": "en_US",
    "message_template_id": 1,
}


class FakeThroughputs:
    def __init__(self) -> None:
        self.raised: list[str] = []

    async def raise_to_providers(self, number: Any, *, cause: UUID, at: Any) -> None:
        self.raised.append(number.id)


def a_notice(topic: str, word: str, *, seconds: float = 0.0, **update: Any) -> Received[WhatsAppAccountUpdated]:
    at = NOON + timedelta(seconds=seconds)
    event = WhatsAppAccountUpdated(
        account_id="a1", topic=topic, business_account_id="w1", at=at, update={"event": word, **update}
    )
    return Received(event=event, id=uuid5(UUID(int=5), f"{topic}:{word}:{seconds}"), at=NOON)


def world() -> tuple[Gateway, HandleAccountUpdate, FakeThroughputs]:
    gateway, throughputs = Gateway(numbers=FakeNumbers(NUMBERS)), FakeThroughputs()
    handle = HandleAccountUpdate(
        restrictions=gateway.restrictions,
        business_accounts=gateway.registry,
        templates=gateway.templates,
        throughputs=throughputs,
    )
    return gateway, handle, throughputs


@pytest.mark.parametrize("word", sorted(TEMPLATE_STOPPED))
@pytest.mark.parametrize("usable", sorted(TEMPLATE_USABLE))
async def test_a_template_is_restricted_and_usable_again(word: str, usable: str) -> None:
    gateway, handle, _ = world()

    await handle(a_notice("message_template_status_update", word, **TEMPLATE))
    restricted = gateway.restrictions.kinds()
    await handle(a_notice("message_template_status_update", usable, seconds=60, **TEMPLATE))

    assert restricted == [("template", "w1:order:en_US")]
    assert gateway.restrictions.kinds() == []
    assert gateway.restrictions.names() == ["restriction.added", "restriction.lifted"]


@pytest.mark.parametrize(("stopped", "usable"), [("en-US", "en_US"), ("en_US", "en-US"), ("en-US", "en-US")])
async def test_a_language_is_the_same_with_a_hyphen(stopped: str, usable: str) -> None:
    gateway, handle, _ = world()

    for seconds, word, language in ((0, "PAUSED", stopped), (60, "APPROVED", usable)):
        template = TEMPLATE | {"message_template_language": language}
        await handle(a_notice("message_template_status_update", word, seconds=seconds, **template))

    assert gateway.restrictions.names() == ["restriction.added", "restriction.lifted"]
    assert gateway.restrictions.kinds() == []


@pytest.mark.parametrize("word", sorted(ACCOUNT_STOPPED))
async def test_a_stopped_account_stops_all_its_numbers_until_it_is_reinstated(word: str) -> None:
    gateway, handle, _ = world()

    await handle(a_notice("account_update", word))
    restricted, names = gateway.restrictions.kinds(), gateway.restrictions.names()
    await handle(a_notice("account_update", "REINSTATE", seconds=60))

    assert restricted == [("account", "w1")]
    assert names == ["restriction.added", "number.paused", "number.paused"]
    assert gateway.restrictions.kinds() == []


@pytest.mark.parametrize("written", [str, lambda state: [state]], ids=["as a text", "as a list"])
async def test_a_reinstatement_in_the_ban_info_lifts_too(written: Callable[[str], Any]) -> None:
    gateway, handle, _ = world()
    await handle(a_notice("account_update", "DISABLED_UPDATE", ban_info={"waba_ban_state": written("DISABLE")}))
    disabled = gateway.restrictions.kinds()

    ban = {"waba_ban_state": written("REINSTATE")}
    await handle(a_notice("account_update", "DISABLED_UPDATE", seconds=60, ban_info=ban))

    assert disabled == [("account", "w1")]
    assert gateway.restrictions.kinds() == []


async def test_a_reinstatement_lifts_what_was_stored_while_the_business_account_was_unknown() -> None:
    gateway, handle, _ = world()
    early = a_restriction(RestrictionKind.ACCOUNT, subject=of_business_account("n2"))
    await gateway.restrictions.add(early, ())

    await handle(a_notice("account_update", "REINSTATE"))

    assert gateway.restrictions.kinds() == []


ADD_NUMBERS = {"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION", "expiration": 1893456000}


@pytest.mark.parametrize(
    ("rows", "stopped"),
    [
        ([ADD_NUMBERS], False),
        ([ADD_NUMBERS, {"restriction_type": "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"}], True),
        ([{"restriction_type": "RESTRICTED_OF_TOMORROW"}], True),
        ([ADD_NUMBERS, "no row"], True),
        ([], True),
        (None, True),
    ],
)
async def test_an_account_that_may_only_not_add_numbers_goes_on(rows: Any, *, stopped: bool) -> None:
    gateway, handle, _ = world()

    await handle(a_notice("account_update", "ACCOUNT_RESTRICTION", restriction_info=rows))

    assert gateway.restrictions.kinds() == ([("account", "w1")] if stopped else [])


@pytest.mark.parametrize(
    "state", ["SCHEDULE_FOR_DISABLE", ["SCHEDULE_FOR_DISABLE"], ["SCHEDULE_FOR_DISABLE", "DISABLE", "REINSTATE"], []]
)
async def test_a_ban_that_is_only_announced_or_a_sample_of_all_states_stops_nothing(state: Any) -> None:
    gateway, handle, _ = world()

    await handle(a_notice("account_update", "DISABLED_UPDATE", ban_info={"waba_ban_state": state}))

    assert gateway.restrictions.kinds() == []


@pytest.mark.parametrize(
    ("info", "hours"),
    [
        pytest.param([{"expiration": 1795521600}], True, id="a number"),
        pytest.param([{"expiration": "1795521600"}], True, id="a text"),
        pytest.param([{"expiration": 1}, {"expiration": 1795521600}], True, id="the latest of several"),
        pytest.param([{"expiration": 1795521600}, {"restriction_type": "X"}], False, id="one without an end"),
        pytest.param([{"expiration": "soon"}], False, id="no time"),
        pytest.param([], False, id="none"),
        pytest.param("x", False, id="no list"),
    ],
)
async def test_a_restriction_ends_when_the_notice_says_so(info: Any, *, hours: bool) -> None:
    gateway, handle, _ = world()

    await handle(a_notice("account_update", "ACCOUNT_RESTRICTION", restriction_info=info))

    [row] = gateway.restrictions.rows.values()
    assert (row.until is not None and row.until.timestamp() == 1795521600) == hours


async def test_a_notice_that_is_older_than_what_stands_changes_nothing() -> None:
    gateway, handle, _ = world()
    stop = a_notice("message_template_status_update", "PAUSED", **TEMPLATE)
    await handle(stop)
    await handle(a_notice("message_template_status_update", "APPROVED", seconds=60, **TEMPLATE))

    await handle(stop)
    await handle(a_notice("message_template_status_update", "DISABLED", seconds=30, **TEMPLATE))

    assert gateway.restrictions.kinds() == []


@pytest.mark.parametrize(
    ("topic", "word", "update"),
    [
        ("message_template_status_update", "IN_THE_MIDDLE", TEMPLATE),
        ("message_template_status_update", "PAUSED", {}),
        ("message_template_status_update", "PAUSED", {**TEMPLATE, "message_template_name": 7}),
        ("message_template_status_update", "PAUSED", {**TEMPLATE, "message_template_language": ""}),
        ("message_template_status_update", "PAUSED", {**TEMPLATE, "message_template_name": "x\n"}),
        ("account_update", "SOMETHING_NEW", {}),
        ("account_update", "VERIFIED_ACCOUNT", {}),
        ("phone_number_quality_update", "FLAGGED", {}),
        ("phone_number_quality_update", "DOWNGRADE", {}),
        ("business_capability_update", "", {"max_daily_conversations_per_business": "many"}),
        ("business_capability_update", "", {"max_phone_numbers_per_waba": 25}),
        ("security", "PIN_CHANGED", {}),
        ("connection_update", "", {"state": "close"}),
    ],
)
async def test_a_word_that_means_nothing_to_us_has_no_effect(topic: str, word: str, update: dict[str, Any]) -> None:
    gateway, handle, throughputs = world()

    await handle(a_notice(topic, word, **update))

    assert gateway.restrictions.kinds() == []
    assert throughputs.raised == []


@pytest.mark.parametrize("unlimited", [-1, "TIER_UNLIMITED"])
@pytest.mark.parametrize("limit", [1000, "1000", "TIER_1000", "TIER_1K", "tier_1k"])
async def test_the_portfolios_limit_is_kept_until_the_next_update(limit: Any, unlimited: Any) -> None:
    gateway, handle, _ = world()
    name = "max_daily_conversations_per_business"

    await handle(a_notice("business_capability_update", "", **{name: limit}))
    [first] = gateway.restrictions.rows.values()
    await handle(a_notice("business_capability_update", "", seconds=60, **{name: 2000}))
    [second] = gateway.restrictions.rows.values()
    await handle(a_notice("business_capability_update", "", seconds=120, **{name: unlimited}))

    assert (first.kind.value, first.cause, first.detail) == (
        "template_limit",
        "business_capability_update",
        {"limit": 1000},
    )
    assert second.detail == {"limit": 2000}
    assert gateway.restrictions.kinds() == []


async def test_a_notice_for_no_account_has_no_effect() -> None:
    gateway, handle, _ = world()
    notice = a_notice("account_update", "DISABLED_UPDATE")

    await handle(Received(event=notice.event.model_copy(update={"account_id": None}), id=notice.id, at=NOON))

    assert gateway.restrictions.kinds() == []


async def test_a_faster_throughput_is_asked_for_each_number_of_the_account() -> None:
    _, handle, throughputs = world()

    await handle(a_notice("phone_number_quality_update", "THROUGHPUT_UPGRADE", display_phone_number="15550001"))

    assert throughputs.raised == ["n1", "n2"]
