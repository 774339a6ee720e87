"""The operations under `/restrictions`, on a real SQLite file."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from prometheus_client import REGISTRY

from libs.contracts.events import RestrictionLifted
from libs.store.restriction_events import added_events
from libs.store.restrictions import Restriction, of_business_account, of_customer, of_number, of_pair
from services.console.handlers.restrictions import MAX_SERIES, CountRestrictions
from tests.builders import a_restriction
from tests.unit.console.world import NOON, World

CUSTOMER_KEY = "c0ffee" * 8


async def add(world: World, restriction: Restriction) -> Restriction:
    await world.store.restrictions.add(restriction, added_events(restriction, UUID(int=1)))
    return restriction


def restricted(place: int, **fields: Any) -> Restriction:
    subject = fields.pop("subject", of_number(f"num_{place}"))
    return a_restriction(subject, **{"id": f"res_{place:032x}", "since": NOON - timedelta(minutes=5), **fields})


async def test_restrictions_are_listed_by_account_and_scope_in_pages(world: World) -> None:
    for place in range(3):
        await add(world, restricted(place))
    await add(world, restricted(3, subject=of_business_account("1029"), account_id="acc_2"))
    await add(world, restricted(4, until=NOON))

    first = await world.ok("GET", "/restrictions", params={"limit": "2"})
    rest = await world.ok("GET", "/restrictions", params={"limit": "2", "cursor": first["next_cursor"]})
    of_account = await world.ok("GET", "/restrictions", params={"account_id": "acc_2"})
    of_scope = await world.ok("GET", "/restrictions", params={"scope": "number"})

    assert [item["id"] for item in first["items"] + rest["items"]] == [f"res_{n:032x}" for n in range(4)]
    assert rest["next_cursor"] is None
    assert [item["key"] for item in of_account["items"]] == ["1029"]
    assert len(of_scope["items"]) == 3


async def test_an_item_says_what_is_forbidden_and_why(world: World) -> None:
    await add(world, restricted(1, subject=of_business_account("1029"), cause="131042", detail={"event": "payment"}))

    (item,) = (await world.ok("GET", "/restrictions"))["items"]

    assert (item["scope"], item["kind"], item["forbids"]) == ("waba", "account", "everything")
    assert (item["cause"], item["until"], item["by"], item["detail"]) == (
        "131042",
        None,
        "provider",
        {"event": "payment"},
    )


@pytest.mark.parametrize(
    "subject", [of_customer(CUSTOMER_KEY), of_pair("num_1", CUSTOMER_KEY)], ids=["customer", "pair"]
)
async def test_no_answer_identifies_a_customer(world: World, subject: Any) -> None:
    made = await add(world, restricted(1, subject=subject))

    listed = await world.ok("GET", "/restrictions")
    lifted = await world.ok("DELETE", f"/restrictions/{made.id}", params={"reason": "they confirmed"})

    assert CUSTOMER_KEY.encode() not in orjson.dumps([listed, lifted])
    assert lifted["key"] is None


async def test_a_lift_is_recorded_with_actor_and_reason_and_ends_the_restriction(world: World) -> None:
    made = await add(world, restricted(1, until=NOON + timedelta(days=1)))

    await world.ok("DELETE", f"/restrictions/{made.id}", params={"reason": "asked Meta"})
    again = await world.call("DELETE", f"/restrictions/{made.id}", params={"reason": "asked Meta"})

    event = world.broker.events[-1]
    assert isinstance(event, RestrictionLifted)
    assert (event.by, event.actor, event.reason, event.cause) == ("operator", "admin", "asked Meta", "131048")
    assert again.status == 404
    assert (await world.ok("GET", "/restrictions"))["items"] == []
    assert len([each for each in world.broker.events if isinstance(each, RestrictionLifted)]) == 1


async def test_a_notice_that_is_older_than_the_lift_does_not_restore_the_restriction(world: World) -> None:
    made = await add(world, restricted(1))
    await world.ok("DELETE", f"/restrictions/{made.id}", params={"reason": "asked Meta"})

    await add(world, made)

    assert (await world.ok("GET", "/restrictions"))["items"] == []


async def test_a_restriction_is_lifted_although_whatsapps_clock_is_ahead(world: World) -> None:
    made = await add(world, restricted(1, since=NOON + timedelta(minutes=2)))

    await world.ok("DELETE", f"/restrictions/{made.id}", params={"reason": "asked Meta"})

    assert (await world.ok("GET", "/restrictions"))["items"] == []


@pytest.mark.parametrize("reason", [None, "", "   ", "two\nlines", "x" * 501])
async def test_a_lift_needs_a_reason(world: World, reason: str | None) -> None:
    made = await add(world, restricted(1))

    response = await world.call(
        "DELETE", f"/restrictions/{made.id}", params={} if reason is None else {"reason": reason}
    )

    assert response.status == 422
    assert len((await world.ok("GET", "/restrictions"))["items"]) == 1


@pytest.mark.parametrize("query", [{"scope": "everything"}, {"scope": "NUMBER"}, {"account": "acc_1"}], ids=str)
async def test_an_unknown_filter_is_refused(world: World, query: dict[str, str]) -> None:
    assert (await world.call("GET", "/restrictions", params=query)).status == 422


def counted(scope: str, cause: str) -> float | None:
    return REGISTRY.get_sample_value("gateway_restrictions", {"scope": scope, "cause": cause})


async def test_the_metric_counts_what_stands_and_forgets_what_ended(world: World) -> None:
    count = CountRestrictions(world.store.restriction_counts, world.clock)
    for place in range(2):
        await add(world, restricted(place, cause="190"))
    made = await add(
        world, restricted(2, subject=of_business_account("1029"), cause="368", until=NOON + timedelta(hours=1))
    )
    await count()
    before = [counted("number", "190"), counted("waba", "368")]

    await world.ok("DELETE", f"/restrictions/{made.id}", params={"reason": "asked Meta"})
    await count()

    assert before == [2, 1]
    assert [counted("number", "190"), counted("waba", "368")] == [2, None]


async def test_the_metric_has_a_bounded_number_of_series(world: World) -> None:
    for place in range(MAX_SERIES + 3):
        await add(world, restricted(place, cause=f"cause_{place:03}"))

    await CountRestrictions(world.store.restriction_counts, world.clock)()

    (family,) = [family for family in REGISTRY.collect() if family.name == "gateway_restrictions"]
    assert len(family.samples) <= MAX_SERIES + 3
    assert counted("number", "other") == 3
