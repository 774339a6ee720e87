"""Every read of personal data or the record is a record, refused attempts too: as the table of routes says."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from libs.contracts.errors import unavailable
from libs.contracts.events import BY_NAME, AccessRefused, DataRead, Event, OperatorRejected, SubjectExported
from libs.store.outbox import Outbox, OutboxEvent
from libs.store.store import Store
from services.console.app.wiring import _handlers
from services.console.domain.access import CONFIGURATION, RecordedBy, Unrecorded
from services.console.domain.principals import Principal, Role
from services.console.http.route import Route
from services.console.http.routes.table import routes_to
from tests.unit.console.subjects import a_subject, records_about
from tests.unit.console.world import PHONE, World, a_world, settings

CONFIGURED = {
    *("list_accounts", "show_account", "list_instances", "show_instance", "list_integrations", "show_integration"),
    *("show_crm_template", "list_templates"),
}
NOTHING_OF_A_PERSON = CONFIGURED | {"list_public_keys", "show_log", "prove_log"}
"""The reads that leave no record. Whoever adds one here says in the route's table why."""


def routes_of(world: World) -> tuple[Route, ...]:
    return routes_to(_handlers(settings(), world.deps))


async def stored(world: World, *kinds: type[Event]) -> list[Any]:
    """The events that are stored and not published yet, of these kinds."""
    found = await world.store.outbox.unpublished(1_000)
    events = [BY_NAME[each.name].model_validate_json(each.body) for each in found]
    return [event for event in events if isinstance(event, kinds)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, phone_lookups_per_hour=3) as made:
        made.broker.down = True  # so that what is stored stays in the outbox
        yield made


async def test_each_read_names_its_access_record_or_why_there_is_none(world: World) -> None:
    reads = {route.name: route.access for route in routes_of(world) if route.method == "GET"}

    unrecorded = {name for name, access in reads.items() if isinstance(access, Unrecorded)}
    assert unrecorded == NOTHING_OF_A_PERSON
    assert {name for name in CONFIGURED if reads[name] is CONFIGURATION} == CONFIGURED
    assert all(access.reason for access in reads.values() if isinstance(access, Unrecorded))


async def test_each_call_that_shows_what_a_phone_finds_is_a_recorded_look_up(world: World) -> None:
    by_person = {
        route.name: route.looks_up_persons
        for route in routes_of(world)
        if any({"phone", "user_id"} & model.model_fields.keys() for model in (route.query, route.body) if model)
    }

    shows = {"list_consents", "list_events", "list_suppressions", "export_subject"}
    assert {name for name, limited in by_person.items() if limited} == shows
    assert by_person.keys() - shows <= {"create_suppression", "erase_subject", "record_consent", "withdraw_consent"}


async def test_each_event_that_takes_the_place_of_an_access_record_is_published(world: World) -> None:
    events = {route.access.event for route in routes_of(world) if isinstance(route.access, RecordedBy)}

    assert events <= set(BY_NAME.values())
    assert not events & {DataRead}


async def test_a_list_is_one_record_with_the_names_of_its_filters_and_no_value(world: World) -> None:
    account_id = (await world.account())["id"]
    await records_about(world, await a_subject(world, account_id), account_id)

    found = await world.ok(
        "GET", f"/events?account_id={account_id}&phone=%2B966512345678&type=webhook.received&limit=5"
    )
    await world.ok("GET", "/suppressions")

    by_phone, plain = await stored(world, DataRead)
    assert (by_phone.operation, by_phone.filters) == ("list_events", ("account_id", "phone", "type"))
    assert (by_phone.account_id, by_phone.actor, by_phone.items) == (account_id, "admin", len(found["items"]))
    assert (plain.operation, plain.filters, plain.account_id) == ("list_suppressions", (), None)
    assert "512345678" not in by_phone.model_dump_json()


async def test_one_thing_is_a_record_in_the_account_that_it_belongs_to(world: World) -> None:
    account_id = (await world.account())["id"]
    made = await world.ok("POST", "/suppressions", {"account_id": account_id, "phone": PHONE, "reason": "x"})
    again = await world.call("POST", "/suppressions", json={"account_id": account_id, "phone": PHONE, "reason": "x"})

    await world.ok("GET", f"/suppressions/{made['id']}")

    existing, shown = await stored(world, DataRead)
    assert again.status == 200
    assert (existing.operation, existing.filters, existing.account_id) == ("create_suppression", ("phone",), account_id)
    assert (shown.operation, shown.resource, shown.account_id) == ("show_suppression", made["id"], account_id)


async def test_equal_reads_are_counted_and_whatever_differs_is_a_record_of_its_own(world: World) -> None:
    account_id = (await world.account())["id"]
    world.tokens.held["eve"] = Principal("Eve", Role.AUDITOR, frozenset({account_id}), "tok_e")
    differing = [
        ("/suppressions", None),
        ("/suppressions", "eve"),
        ("/suppressions?limit=1", None),
        ("/suppressions?cursor=sup_1", None),
        ("/suppressions?cursor=sup_2", None),
        (f"/suppressions?account_id={account_id}", None),
    ]

    for _ in range(3):
        for path, token in differing:
            said = {} if token is None else {"token": token}
            assert (await world.call("GET", path, **said)).status == 200
    each_once = await stored(world, DataRead)

    assert len(each_once) == len(differing)
    assert {each.count for each in each_once} == {1}


async def test_each_look_up_of_a_person_is_a_record_of_its_own_also_of_the_same_one(world: World) -> None:
    account_id = (await world.account())["id"]

    for _ in range(3):
        await world.ok("GET", "/suppressions", params={"account_id": account_id, "phone": PHONE})

    assert [each.filters for each in await stored(world, DataRead)] == [("account_id", "phone")] * 3


async def test_repetitions_are_on_record_when_console_stops(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        world.broker.down = True
        for _ in range(5):
            await world.ok("GET", "/suppressions")
        await world.client.close()

        reads = await stored(world, DataRead)

    assert [each.count for each in reads] == [1, 4]


async def test_configuration_leaves_no_record(world: World) -> None:
    account_id = (await world.account())["id"]

    for path in ("/accounts", f"/accounts/{account_id}", "/integrations", "/audit/keys"):
        await world.ok("GET", path)

    assert await stored(world, DataRead) == []


async def test_refused_attempts_are_records_and_many_are_counted(world: World) -> None:
    account_id, other = (await world.account())["id"], (await world.account())["id"]
    world.tokens.held["eve"] = Principal("Eve", Role.AUDITOR, frozenset({account_id}), "tok_e")

    await world.call("POST", "/accounts", json={}, token="eve")
    await world.call("GET", f"/events?account_id={other}", token="eve")
    await world.call("GET", "/suppressions/sup_unknown", token="eve")
    for _ in range(30):
        await world.call("GET", f"/forwards?account_id={other}", token="eve")
    await world.call("GET", "/events", token="nobody's")

    refused = await stored(world, AccessRefused)
    assert [(each.operation, each.code) for each in refused[:3]] == [
        ("create_account", "forbidden"),
        ("list_events", "forbidden"),
        ("show_suppression", "not_found"),
    ]
    assert {each.actor for each in refused} == {"Eve"}
    assert {each.account_id for each in refused} == {account_id}
    assert len(refused) == 3 + 20
    assert len(await stored(world, OperatorRejected)) == 1
    assert await stored(world, DataRead) == []


async def test_a_token_looks_up_only_so_many_persons_an_hour_on_all_replicas(world: World) -> None:
    account_id = (await world.account())["id"]
    body = {"account_id": account_id, "phone": PHONE, "reason": "asked by letter"}
    path = f"/events?account_id={account_id}&phone=%2B96651234567"

    await world.ok("GET", f"{path}1")
    await world.ok("GET", f"/suppressions?account_id={account_id}&user_id=SA.77x")
    await world.ok("POST", "/subject-exports", body)
    refused = await world.call("GET", f"{path}4")
    answer = await refused.json()
    world.tokens.held["bob"] = Principal("Bob", Role.AUDITOR, None, "tok_b")
    await world.ok("GET", f"{path}5", token="bob")
    await world.ok("GET", f"/events?account_id={account_id}")
    world.clock.pass_by(minutes=61)
    await world.ok("GET", f"{path}6")

    assert (refused.status, answer["error"]) == (429, "too_many_requests")
    assert answer["details"] == {"scope": "token", "limit": 3, "retry_after": 3_600}
    assert refused.headers["Retry-After"] == "3600"
    (recorded,) = await stored(world, AccessRefused)
    assert (recorded.code, recorded.filters) == ("too_many_requests", ("account_id", "phone"))
    assert len(await stored(world, SubjectExported)) == 1


class BrokenOutbox:
    """The real one; adding fails, or hangs, while it is `broken`."""

    def __init__(self, real: Outbox) -> None:
        self.real = real
        self.broken = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def add(self, events: Iterable[OutboxEvent]) -> None:
        if self.broken:
            raise unavailable("store")
        await self.real.add(list(events))


async def test_a_store_that_writes_nothing_fails_no_read_and_the_access_is_stored_later(tmp_path: Path) -> None:
    made: list[BrokenOutbox] = []

    def swap(store: Store) -> Store:
        made.append(BrokenOutbox(store.outbox))
        return replace(store, outbox=cast("Outbox", made[0]))

    async with a_world(tmp_path, swap) as world:
        world.broker.down = True
        made[0].broken = True
        answers = [(await world.call("GET", path)).status for path in ("/events", "/suppressions")]
        before = await stored(world, DataRead)
        made[0].broken = False
        await world.ok("GET", "/forwards")

        after = await stored(world, DataRead)

    assert answers == [200, 200]
    assert before == []
    assert [event.operation for event in after] == ["list_events", "list_suppressions", "list_forwards"]


async def test_no_value_of_a_filter_is_in_what_is_stored(world: World) -> None:
    account_id = (await world.account())["id"]
    await world.call("GET", f"/suppressions?account_id={account_id}&user_id=SA.13491208655302741918")
    await world.call("GET", f"/events?account_id={account_id}&phone=%2B4915112345678&code=sent")

    bodies = b"".join(each.body for each in await world.store.outbox.unpublished(100))

    assert b"13491208655302741918" not in bodies
    assert b"15112345678" not in bodies
    assert orjson.loads((await world.store.outbox.unpublished(100))[-1].body)["filters"] == [
        "account_id",
        "code",
        "phone",
    ]
