"""Messages to one customer never overtake one another: two senders, one store, deliveries in any order, faults."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from libs.chassis.clock import monotonic, utc_now
from libs.chassis.settlement import RetryLater
from libs.contracts.events import MessageApproved
from libs.contracts.results import AnswerStatus
from libs.providers.cloud_api.responses import ERRORS
from libs.providers.errors import ErrorTable
from libs.providers.outcomes import Accepted, ProbeOutcome, Refused, SendOutcome, Usable
from libs.providers.outgoing import NumberCredentials, Outgoing, OutgoingText
from libs.store.factory import open_store
from libs.store.store import Store
from services.sender.domain.circuit_breaker import BreakerLimits, CircuitBreakers
from services.sender.domain.next_steps import OutcomeRules
from services.sender.domain.results import Result
from services.sender.domain.retry_delays import RetryLimits
from services.sender.handlers.call_looks import LookBeforeCall
from services.sender.handlers.cancellations import Cancellations
from services.sender.handlers.deliveries import DeliverMessage
from services.sender.handlers.dependencies import DeliveryDependencies, DeliveryOptions
from services.sender.handlers.earlier_messages import EarlierMessages
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.finished_calls import FinishCall
from services.sender.handlers.message_contacts import MessageContacts
from services.sender.handlers.prepared_messages import PrepareMessage
from services.sender.handlers.provider_calls import CallProvider
from services.sender.handlers.result_writer import ResultWriter
from tests.builders import SEALER
from tests.do_not_contact import hashes_over
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_world import World
from tests.unit.sender.gateway import FALLBACKS, PSEUDONYMS, Gateway, a_number, approved

MESSAGES = 8  # with two that are tried twice, the burst that a pair may send at once
SPEEDY = a_number(messages_per_second=10_000.0)


@dataclass
class Phone:
    """A customer's phone behind a line that is slow by chance; it refuses each of `refused` once."""

    chance: random.Random
    refused: set[str]
    got: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    errors: ErrorTable = ERRORS

    async def probe(self, number: NumberCredentials, *, throughput: bool = False) -> ProbeOutcome:
        return Usable()

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> SendOutcome:
        assert isinstance(outgoing, OutgoingText)
        await asyncio.sleep(self.chance.uniform(0, 0.02))
        if outgoing.text in self.refused:
            self.refused.remove(outgoing.text)
            self.refusals.append(outgoing.text)
            return Refused(code=131000, http_status=500)
        self.got.append(outgoing.text)
        await asyncio.sleep(self.chance.uniform(0, 0.02))
        return Accepted(message_id=f"wamid.{outgoing.text}")


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[list[Store]]:
    """The store of two processes."""
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    opened = [await open_store(url) for _ in range(2)]
    yield opened
    for store in opened:
        await store.close()


class RealTime:
    """The clocks of a sender's process."""

    clock = staticmethod(utc_now)
    monotonic = staticmethod(monotonic)
    sleep = staticmethod(asyncio.sleep)


def a_sender(store: Store, phone: Phone, owner: str, time: RealTime | World | None = None) -> DeliverMessage:
    numbers, time = FakeNumbers((SPEEDY,)), time or RealTime()
    deps = DeliveryDependencies(
        ledger=store.ledger,
        pacing=store.pacing,
        statuses=store.statuses,
        decisions=store.decisions,
        conversations=store.conversations,
        cancellations=Cancellations(store.erased_customers, hashes_over(store.do_not_contact_entries, PSEUDONYMS)),
        pseudonyms=PSEUDONYMS,
        contacts=MessageContacts(SEALER),
        clock=time.clock,
        monotonic=time.monotonic,
        sleep=time.sleep,
    )
    gateway = Gateway(world=time) if isinstance(time, World) else Gateway()
    results = ResultWriter(deps=deps, owner=owner)
    checks = gateway.checks(results)
    return DeliverMessage(
        deps=deps,
        results=results,
        finish=FinishCall(
            deps=deps,
            results=results,
            effects=gateway.refusal_effects(),
            errors=ErrorTables(numbers, {"cloud_api": phone}),
            checks=checks,
            owner=owner,
        ),
        checks=checks,
        look=LookBeforeCall(store.claim_looks, deps.cancellations, results, time.clock),
        fallbacks=FALLBACKS,
        prepare=PrepareMessage(numbers=numbers, providers={"cloud_api": phone}),
        media=gateway.media(),
        receipts=gateway.receipts,
        earlier=EarlierMessages(deps),
        call=CallProvider(
            breakers=CircuitBreakers(BreakerLimits(calls=100)),
            rules=OutcomeRules(limits=RetryLimits(), random=lambda: 0.05),
            monotonic=time.monotonic,
        ),
        options=DeliveryOptions(owner=owner, lease_s=20.0),
    )


async def delivered(sender: DeliverMessage, message: MessageApproved, delay: float) -> Result:
    """As the chassis does: it comes when it comes, and again a little later when it has to wait."""
    await asyncio.sleep(delay)
    is_first = True
    while True:
        try:
            return await sender(message, is_first=is_first)
        except RetryLater:
            is_first = False
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("seed", range(3))
async def test_two_senders_keep_the_order_of_approval_whatever_comes_first_and_fails(
    stores: list[Store], seed: int
) -> None:
    chance = random.Random(seed)
    line = [(uuid4(), f"{n}") for n in range(MESSAGES)]
    phone = Phone(chance, refused={"0", "4"})
    senders = [a_sender(store, phone, f"sender-{n}") for n, store in enumerate(stores)]
    messages = [await in_line(stores[n % 2], event_id, text) for n, (event_id, text) in enumerate(line)]
    delays = [chance.uniform(0, 0.3) for _ in messages]
    delays[0] = 0.4  # the first one comes last

    results = await asyncio.gather(
        *(delivered(chance.choice(senders), message, delay) for message, delay in zip(messages, delays, strict=True))
    )

    assert phone.got == [text for _, text in line]
    assert phone.refusals == ["0", "4"]
    assert {result.code for result in results} == {AnswerStatus.SENT}


async def test_what_is_sent_to_one_customer_holds_nobody_else_up(stores: list[Store]) -> None:
    phone = Phone(random.Random(1), refused={"slow"})
    sender = a_sender(stores[0], phone, "sender-1")
    first = await in_line(stores[0], uuid4(), "slow")
    other = await in_line(stores[0], uuid4(), "quick", customer_key="c2")

    await asyncio.gather(delivered(sender, first, 0), delivered(sender, other, 0))

    assert phone.got == ["quick", "slow"]


async def test_a_message_waits_for_one_that_nobody_has_seen_yet(stores: list[Store]) -> None:
    phone = Phone(random.Random(1), refused=set())
    sender = a_sender(stores[0], phone, "sender-1")
    await in_line(stores[0], uuid4(), "lost")
    second = await in_line(stores[0], uuid4(), "second")

    with pytest.raises(RetryLater):
        await sender(second, is_first=True)

    assert phone.got == []


async def in_line(store: Store, event_id: UUID, text: str, customer_key: str = "c1") -> MessageApproved:
    """An approved message in its place, as policy says it."""
    ahead = await store.delivery_order.enqueue(
        number_id="n1", customer_key=customer_key, event_id=str(event_id), now=utc_now()
    )
    message = {"event_id": event_id, "text": text, "customer_key": customer_key, "after": ahead}
    return approved(received_at=utc_now(), **message)
