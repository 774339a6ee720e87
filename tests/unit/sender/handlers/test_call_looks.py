"""The look before each claim: whoever was erased does not come into the ledger, however long the message waited."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.providers.outcomes import Refused
from libs.store.ledger import Seen
from services.sender.handlers.call_looks import LookBeforeCall
from services.sender.handlers.result_writer import ResultWriter
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import EVENT, Gateway, approved
from tests.unit.sender.handlers.test_prepare_media import gateway as a_gateway_with_media
from tests.unit.sender.handlers.test_prepare_media import with_media
from tests.unit.sender.restricted import a_gateway, restricted

EARLIER = UUID(int=7)
SEEN = Seen(((0.0, 0.0), (0.0, 0.0)), is_new=True, ahead_finished=False)


def look_of(gateway: Gateway, seen: Seen | None = None) -> LookBeforeCall:
    process = gateway.process()
    gateway.looks.seen = seen
    results = ResultWriter(deps=process.deps, owner="s")
    return LookBeforeCall(gateway.looks, gateway.cancellations, results, process.deps.clock)


async def test_a_look_finds_the_restriction_and_what_the_claim_needs() -> None:
    gateway = a_gateway()
    await restricted(gateway, 368)
    number = await gateway.numbers.number("n1")

    found = await look_of(gateway, SEEN)(approved(), number, None)

    assert found.message == approved()
    assert found.restriction is not None
    assert (found.restriction.kind.value, found.seen) == ("account", SEEN)


@pytest.mark.parametrize(
    ("at", "named"),
    [
        pytest.param(NOON, False, id="erased after the request"),
        pytest.param(NOON - timedelta(microseconds=1), True, id="requested after the erasure"),
    ],
)
async def test_a_message_that_waited_while_its_customer_was_erased_names_nobody(at: datetime, *, named: bool) -> None:
    gateway = Gateway()
    gateway.erased.times["c1"] = at

    found = await look_of(gateway)(approved(after=EARLIER, received_at=NOON), None, None)

    assert (found.message.customer_key, found.message.after) == (("c1", EARLIER) if named else ("", None))


async def test_an_erasure_while_an_earlier_message_blocks_this_one_is_seen_before_the_next_claim() -> None:
    gateway = Gateway()
    gateway.erased.next_looks = [None, NOON]
    gateway.erased.times["c1"] = NOON

    answer = await gateway.answered(approved(after=EARLIER, received_at=NOON), attempt=2)

    assert [claim.customer_key for claim in gateway.ledger.claims] == ["c1", ""]
    assert answer.details["reason"] == "erased_while_waiting"


async def test_an_erasure_while_media_are_fetched_is_seen_before_the_claim() -> None:
    world = a_gateway_with_media()
    world.erased.next_looks = [None]
    world.erased.times["c1"] = NOON

    answer = await world.answered(with_media(received_at=NOON))

    assert [claim.customer_key for claim in world.ledger.claims] == [""]
    assert (answer.details["reason"], world.provider.offered) == ("erased_while_waiting", [])


async def test_an_erasure_before_a_further_try_is_seen_before_its_claim() -> None:
    gateway = Gateway.answering(Refused(code=131000, http_status=500, retry_after=3.0))
    gateway.erased.next_looks = [None]
    gateway.erased.times["c1"] = NOON

    answer = await gateway.answered(approved(received_at=NOON))

    assert [claim.customer_key for claim in gateway.ledger.claims] == ["c1", ""]
    assert (answer.details["reason"], len(gateway.provider.offered)) == ("erased_while_waiting", 1)


async def test_what_the_look_saw_is_given_to_the_claim() -> None:
    gateway = Gateway()
    process: Any = gateway.process()
    process.look.looks.seen = SEEN

    await process(approved())

    assert [(claim.event_id, claim.seen) for claim in gateway.ledger.claims] == [(str(EVENT), SEEN)]
