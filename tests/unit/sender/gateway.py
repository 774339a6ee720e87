"""A sender made of fakes, and valid events for it; a test states only what it is about."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from libs.chassis.consuming import Received
from libs.chassis.settling import Later
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event, MessageApproved, WebhookAnswered
from libs.store.accounts import Number, ProviderKind
from services.sender.domain.breaker import BreakerLimits, Breakers
from services.sender.domain.outcomes import Outcome
from services.sender.domain.results import Result
from services.sender.domain.retrying import RetryLimits
from services.sender.domain.steps import Reaction
from services.sender.domain.verdicts import packaged_table
from services.sender.handlers import Conclude, Consequences, Deliver, Follow, Note, Send, Surroundings, Terms
from services.sender.handlers.calling import Call
from services.sender.handlers.preparing import Prepare
from tests.unit.sender.fakes import (
    NOON,
    Crash,
    FakeLedger,
    FakeNumbers,
    FakePauses,
    FakeProvider,
    FakeReservations,
    FakeStops,
    FakeWindows,
    World,
)

EVENT = UUID(int=1)
LEASE = 20.0


def a_number(**changes: Any) -> Number:
    row = {
        "id": "n1",
        "account_id": "a1",
        "phone_number_id": "1065",
        "sealed_token": "sealed",
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Number.model_validate(row | changes)


def approved(**changes: Any) -> MessageApproved:
    fields = {
        "account_id": "a1",
        "integration_id": "i1",
        "event_id": EVENT,
        "event_type": "outbound_message",
        "reply_to": "ingress-1",
        "number_id": "n1",
        "customer": "+966500000001",
        "customer_key": "c1",
        "text": "Your order is ready",
        "purpose": "support",
        "received_at": NOON,
    }
    return MessageApproved.model_validate(fields | changes)


def received(event: MessageApproved) -> Received[MessageApproved]:
    return Received(event=event, id=UUID(int=99), at=NOON)


def answer_in(said: Sequence[Event]) -> WebhookAnswered:
    """The answer is said first: somebody waits for it."""
    first = said[0]
    assert isinstance(first, WebhookAnswered)
    return first


@dataclass
class Gateway:
    """What outlives a sender process, and a way to start one."""

    world: World = field(default_factory=World)
    numbers: FakeNumbers = field(default_factory=lambda: FakeNumbers((a_number(),)))
    limits: RetryLimits = field(default_factory=RetryLimits)
    breaker: BreakerLimits = field(default_factory=lambda: BreakerLimits(calls=100))

    def __post_init__(self) -> None:
        self.ledger = FakeLedger(self.world)
        self.provider = FakeProvider(self.world)
        self.reservations = FakeReservations(self.world)
        self.windows = FakeWindows(self.world)
        self.stops = FakeStops()
        self.pauses = FakePauses()

    @classmethod
    def answering(cls, *outcomes: Outcome, **fields: Any) -> "Gateway":
        gateway = cls(**fields)
        gateway.provider.outcomes = list(outcomes)
        return gateway

    def process(self, owner: str = "sender-1") -> Deliver:
        world = self.world
        around = Surroundings(
            ledger=self.ledger,
            pacing=self.ledger,
            statuses=self.ledger,
            reservations=self.reservations,
            windows=self.windows,
            consents=self.stops,
            clock=world.clock,
            monotonic=world.monotonic,
            sleep=world.sleep,
        )
        return Deliver(
            around=around,
            note=Note(around=around, owner=owner),
            prepare=Prepare(
                numbers=self.numbers, providers={ProviderKind.CLOUD_API: self.provider}, callback_key=b"k" * 32
            ),
            call=Call(
                breakers=Breakers(self.breaker),
                reaction=Reaction(table=packaged_table(), limits=self.limits, chance=lambda: 0.5),
                monotonic=world.monotonic,
            ),
            terms=Terms(owner=owner, lease_s=LEASE),
        )

    def consequences(self) -> Consequences:
        return Consequences(
            windows=self.windows,
            stops=self.stops,
            pauses=self.pauses,
            pacing=self.ledger,
            clock=self.world.clock,
        )

    def handler(self, owner: str = "sender-1") -> Send:
        conclude = Conclude(statuses=self.ledger, consequences=self.consequences(), table=packaged_table())
        return Send(deliver=self.process(owner), conclude=conclude)

    def follower(self) -> Follow:
        return Follow(
            statuses=self.ledger,
            reservations=self.reservations,
            consequences=self.consequences(),
            table=packaged_table(),
            clock=self.world.clock,
            parked=timedelta(minutes=2),
            key=b"k" * 32,
        )

    async def answered(self, event: MessageApproved) -> WebhookAnswered:
        """Handle a message in a process of its own; its answer."""
        said = await self.handler()(received(event))
        return answer_in(said)

    async def until_done(self, deliver: Deliver, event: MessageApproved) -> Result:
        """Deliver as the chassis does: again after 5 s when asked to, a new process after a crash."""
        for life in range(2, 50):
            try:
                return await deliver(event)
            except (Later, GatewayError):
                self.world.elapsed += 5.0
            except Crash:
                self.world.elapsed += 1.0
                deliver = self.process(f"sender-{life}")
        raise AssertionError("never done")
