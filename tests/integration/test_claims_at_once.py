"""A message that claims without a look before, on both stores: what comes between its steps, and deaths behind each.

Steps are the beginnings and ends of what the process asks of the ledger and of the looks.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.settlement import RetryLater
from libs.contracts.events import MessageApproved
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.erasures import Erasure
from libs.store.restrictions import Restriction, RestrictionKind, of_number, of_pair
from libs.store.store import Store
from services.sender.domain.results import Result
from tests.contract.store.builders import NOW
from tests.contract.store.conftest import DATABASES
from tests.contract.store.empty import open_empty
from tests.contract.store.stored_rows import rows_of
from tests.integration.test_delivery_order import Phone, a_sender
from tests.unit.sender.fake_world import NOON, Crash, World
from tests.unit.sender.gateway import a_number, approved

KEY = "c1" * 32
EVENT, EARLIER = UUID(int=1), UUID(int=2)
MOST_STEPS = 9
"""Of a message whose way is the longest here: it claims, looks, and its outcome is written."""
LAST_LOOK, OUTCOME = 4, 5
"""The step at which the look after the claim has been answered, and the last one before the outcome is written."""
Act = Callable[[], Awaitable[object]]


@dataclass
class Steps:
    """Counts steps; at one of them others act, and at another one the process dies."""

    act_at: int = 0
    act: Act | None = None
    dies_at: int = 0
    made: int = 0

    async def step(self) -> None:
        self.made += 1
        if self.made == self.act_at and self.act is not None:
            await self.act()
        if self.made == self.dies_at:
            raise Crash


@dataclass
class Watched:
    """A port whose calls are steps."""

    port: Any
    steps: Steps

    def __getattr__(self, name: str) -> Any:
        async def call(*given: Any, **named: Any) -> Any:
            await self.steps.step()
            answer = await getattr(self.port, name)(*given, **named)
            await self.steps.step()
            return answer

        return call


@dataclass
class Stand:
    """A store, and the time of the processes that use it."""

    store: Store
    url: str
    world: World
    phone: Phone

    @property
    def message(self) -> MessageApproved:
        return approved(event_id=EVENT, customer="+966500000001", customer_key=KEY, received_at=NOW)

    async def delivered(self, steps: Steps, **changes: Any) -> Result:
        """Deliver as the broker does: again, to another process, after a death or when asked to."""
        store: Any = self.store
        watched = replace(store, ledger=Watched(store.ledger, steps), claim_looks=Watched(store.claim_looks, steps))
        message = self.message.model_copy(update=changes)
        for life in range(1, 12):
            sender = a_sender(watched, self.phone, f"sender-{life}", self.world)
            try:
                return await sender(message, is_first=life == 1)
            except Crash:
                self.world.elapsed += 1.0
            except RetryLater:
                self.world.elapsed += 5.0
        raise AssertionError("never done")

    async def erasure_begins(self) -> None:
        """The marker, and then the look for calls, which marks them."""
        await self.store.erased_customers.mark("a1", [KEY], self.world.clock())
        await self.in_flight()

    async def in_flight(self) -> bool:
        return await self.store.personal_data.in_flight("a1", [KEY], self.world.clock())

    async def erasure_ends(self) -> None:
        while await self.in_flight():
            self.world.elapsed += 5.0
        erasure = Erasure(
            id="era_1",
            account_id="a1",
            customer_keys=(KEY,),
            do_not_contact=("dnc.d1.00",),
            pseudonyms=(),
            reason="asked",
            actor="op",
            asked_at=NOW,
        )
        await self.store.personal_data.erase(erasure, event_ids=[], dead_letters=[])

    def names_somebody(self) -> bool:
        rows = rows_of(self.url)
        held = [
            row for table in ("ledger", "buckets", "ledger.entries", "ledger.buckets") for row in rows.get(table, ())
        ]
        contacts = [row.get("contact") or row.get("fallback") for row in held]
        return KEY in str(held) or any(contacts)


@pytest.fixture(params=DATABASES)
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    async with DATABASES[request.param](tmp_path) as url:
        store = await open_empty(url)
        await store.registry.save(a_number(), [], created=True)
        world = World(elapsed=(NOW - NOON).total_seconds())
        yield Stand(store, url, world, Phone(Random(1), refused=set()))
        await store.close()


async def finished_by(stand: Stand) -> Any:
    found = await stand.store.statuses.find(str(EVENT))
    assert found is not None
    return found.outcome


async def test_it_takes_three_steps(stand: Stand) -> None:
    steps = Steps()

    result = await stand.delivered(steps)

    assert (result.code.value, steps.made) == ("sent", 6)
    assert stand.names_somebody()


@pytest.mark.parametrize("dies_at", range(MOST_STEPS))
@pytest.mark.parametrize("done_before", [False, True], ids=["its look for calls is to come", "it has ended"])
async def test_who_was_erased_before_is_not_called_and_is_named_by_no_outcome(
    stand: Stand, dies_at: int, *, done_before: bool
) -> None:
    await stand.erasure_begins()
    if done_before:
        await stand.erasure_ends()

    result = await stand.delivered(Steps(dies_at=dies_at))
    if not done_before:
        await stand.erasure_ends()

    assert stand.phone.got == []
    assert result.details["reason"] in {"erased_while_waiting", "sender_stopped"}
    assert await finished_by(stand) is not None
    assert not stand.names_somebody()


@pytest.mark.parametrize("act_at", range(1, MOST_STEPS))
async def test_who_is_erased_meanwhile_is_named_by_nothing_wherever_the_process_dies(stand: Stand, act_at: int) -> None:
    for dies_at in range(MOST_STEPS):
        stand.phone.got.clear()
        event_id = UUID(int=100 * act_at + dies_at)
        message: dict[str, Any] = {"event_id": event_id, "received_at": stand.world.clock()}
        steps = Steps(act_at, stand.erasure_begins, dies_at)

        result = await stand.delivered(steps, **message)
        await stand.erasure_ends()

        assert len(stand.phone.got) <= 1
        if act_at < LAST_LOOK:
            assert stand.phone.got == []
        elif not dies_at:
            assert (result.code.value, result.erased) == ("sent", act_at <= OUTCOME)
        assert not stand.names_somebody()


@pytest.mark.parametrize("dies_at", range(1, MOST_STEPS))
async def test_wherever_it_dies_the_message_is_sent_at_most_once(stand: Stand, dies_at: int) -> None:
    result = await stand.delivered(Steps(dies_at=dies_at))

    assert len(stand.phone.got) <= 1
    if dies_at in {2, 3, 4, 5}:  # the call is claimed, and no outcome is written
        assert result.details["reason"] == "sender_stopped"
    else:
        assert (result.code.value, len(stand.phone.got)) == ("sent", 1)


@pytest.mark.parametrize("act_at", range(1, LAST_LOOK))
async def test_who_opts_out_until_the_look_gets_nothing(stand: Stand, act_at: int) -> None:
    stop = Suppression(
        id="sup_1",
        account_id="a1",
        customer_key=KEY,
        masked_phone="",
        kind=SuppressionKind.OPT_OUT,
        source="keyword",
        reason=None,
        actor=None,
        since=NOW,
    )

    result = await stand.delivered(Steps(act_at, lambda: stand.store.suppressions.suppress(stop, [])))

    assert (result.details["reason"], stand.phone.got) == ("opted_out_while_waiting", [])


@pytest.mark.parametrize("act_at", range(1, LAST_LOOK))
@pytest.mark.parametrize("kind", [RestrictionKind.IDENTITY, RestrictionKind.CREDENTIALS])
async def test_what_is_restricted_until_the_look_is_not_called_for(
    stand: Stand, act_at: int, kind: RestrictionKind
) -> None:
    subject = of_number("n1") if kind is RestrictionKind.CREDENTIALS else of_pair("n1", KEY)
    restriction = Restriction(id="res_1", account_id="a1", subject=subject, kind=kind, cause="190", since=NOW)
    is_held = kind is RestrictionKind.CREDENTIALS
    sender = a_sender(stand.store, stand.phone, "sender-1", stand.world)
    steps = Steps(act_at, lambda: stand.store.restrictions.add(restriction, []))
    sender = replace(sender, look=replace(sender.look, looks=Watched(stand.store.claim_looks, steps)))
    ledger: Any = Watched(stand.store.ledger, steps)
    sender = replace(sender, deps=replace(sender.deps, ledger=ledger))

    if is_held:
        with pytest.raises(RetryLater):
            await sender(stand.message, is_first=True)
    else:
        result = await sender(stand.message, is_first=True)
        assert (result.code.value, result.details["reason"]) == ("policy_violation", "identity_changed")

    assert stand.phone.got == []
    [entry] = [row for name in ("ledger", "ledger.entries") for row in rows_of(stand.url).get(name, ())]
    if is_held:
        assert (entry["state"], entry["attempt"]) == ("waiting", 0)


@pytest.mark.parametrize("scope", ["waba", "app"])
@pytest.mark.parametrize("seconds", [1.0, 30.0])
async def test_a_hold_that_the_claim_may_not_know_is_waited_for_or_refused(
    stand: Stand, scope: str, seconds: float
) -> None:
    key = "app" if scope == "app" else "n1"
    until = NOW + timedelta(seconds=seconds)
    hold = stand.store.pacing.hold
    await hold(scope=scope, key=key, until=until, now=NOW)

    result = await stand.delivered(Steps())

    if seconds > 2.0:
        assert (result.code.value, result.details["scope"], stand.phone.got) == ("sending_throttled", scope, [])
        return
    assert (result.code.value, len(stand.phone.got)) == ("sent", 1)
    assert stand.world.clock() >= until - timedelta(milliseconds=1)


async def test_two_deliveries_at_once_make_one_call(stand: Stand) -> None:
    results = await asyncio.gather(
        *(a_sender(stand.store, stand.phone, f"sender-{n}", stand.world)(stand.message, is_first=True) for n in (1, 2)),
        return_exceptions=True,
    )

    assert len(stand.phone.got) == 1
    assert {type(each) for each in results} <= {Result, RetryLater}
    assert Result in {type(each) for each in results}


@pytest.mark.parametrize("is_finished", [True, False])
async def test_a_message_behind_another_one_goes_when_that_one_is_finished(stand: Stand, *, is_finished: bool) -> None:
    sender = a_sender(stand.store, stand.phone, "sender-1", stand.world)
    behind = stand.message.model_copy(update={"after": EARLIER, "text": "second"})
    ahead = stand.message.model_copy(update={"event_id": EARLIER, "text": "first"})
    if is_finished:
        await sender(ahead, is_first=True)
        await sender(behind, is_first=True)
        assert stand.phone.got == ["first", "second"]
        return

    with pytest.raises(RetryLater):
        await sender(behind, is_first=True)
    await sender(ahead, is_first=True)
    await sender(behind)

    assert stand.phone.got == ["first", "second"]
