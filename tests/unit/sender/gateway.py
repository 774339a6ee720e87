"""A sender made of fakes, and valid events for it; a test states only what it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from libs.chassis.settlement import RetryLater
from libs.chassis.subscriptions import Received
from libs.contracts.errors import GatewayError
from libs.contracts.events import Event, MessageApproved, WebhookAnswered
from libs.contracts.identity import Pseudonyms
from libs.providers.outcomes import SendOutcome
from libs.providers.provider import MessageSender
from libs.store.accounts import Number
from libs.store.sealer import Sealer, SealingKey
from services.sender.adapters.fallbacks import SealedFallbacks
from services.sender.adapters.token_peers import RegistryTokenPeers
from services.sender.domain.circuit_breaker import BreakerLimits, CircuitBreakers
from services.sender.domain.next_steps import OutcomeRules
from services.sender.domain.results import Result
from services.sender.domain.retry_delays import RetryLimits
from services.sender.domain.template_files import TemplateFileLinks
from services.sender.handlers.added_restrictions import AddRestrictions
from services.sender.handlers.approved_messages import SendMessage
from services.sender.handlers.call_looks import LookBeforeCall
from services.sender.handlers.cancellations import Cancellations
from services.sender.handlers.deliveries import DeliverMessage
from services.sender.handlers.dependencies import DeliveryDependencies, DeliveryOptions
from services.sender.handlers.earlier_messages import EarlierMessages
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.finished_calls import FinishCall
from services.sender.handlers.follow_ups import FollowUps
from services.sender.handlers.message_contacts import MessageContacts
from services.sender.handlers.prepare_media import PrepareMedia
from services.sender.handlers.prepared_messages import PrepareMessage
from services.sender.handlers.provider_calls import CallProvider
from services.sender.handlers.refusal_effects import RefusalEffects
from services.sender.handlers.restriction_checks import CheckRestrictions
from services.sender.handlers.result_writer import ResultWriter
from services.sender.handlers.statuses import HandleStatus
from tests.builders import SEALER
from tests.do_not_contact import FakeEntries, hashes_over
from tests.unit.sender.fake_conversations import (
    FakeConversations,
    FakeDecisions,
    FakeErasedCustomers,
    FakeReceipts,
    FakeSuppressions,
)
from tests.unit.sender.fake_ledger import FakeLedger
from tests.unit.sender.fake_looks import FakeLooks
from tests.unit.sender.fake_media import FakeFiles, FakeUploads
from tests.unit.sender.fake_provider import FakeNumbers, FakeProvider
from tests.unit.sender.fake_restrictions import FakeJobLeases, FakeRegistry, FakeRestrictions
from tests.unit.sender.fake_templates import FakeTemplates
from tests.unit.sender.fake_world import NOON, Crash, World

EVENT = UUID(int=1)
PSEUDONYMS = Pseudonyms(b"k" * 32)
LEASE = 20.0
FALLBACKS = SealedFallbacks(Sealer((SealingKey("k1", b"s" * 32),)))


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


def received(event: MessageApproved, **delivery: Any) -> Received[MessageApproved]:
    """As it is delivered for the first time, unless `delivery` says something else."""
    return Received(event=event, id=UUID(int=99), at=NOON, **delivery)


def answer_in(said: Sequence[Event]) -> WebhookAnswered:
    """The answer is the first event: a caller waits for it."""
    first = said[0]
    assert isinstance(first, WebhookAnswered)
    return first


@dataclass
class Gateway:
    """What outlives a sender process, and a way to start one."""

    world: World = field(default_factory=World)
    numbers: FakeNumbers = field(default_factory=lambda: FakeNumbers((a_number(),)))
    limits: RetryLimits = field(default_factory=RetryLimits)
    hold: timedelta = timedelta(minutes=15)
    uploads: FakeUploads | None = None
    """None: messages hold their files themselves."""
    media_url: str | None = "https://gateway.example.com"
    breaker: BreakerLimits = field(default_factory=lambda: BreakerLimits(calls=100))

    def __post_init__(self) -> None:
        self.files = FakeFiles(self.world)
        self.templates = FakeTemplates()
        self.ledger = FakeLedger(self.world)
        self.provider = FakeProvider(self.world)
        self.decisions = FakeDecisions(self.world)
        self.conversations = FakeConversations(self.world)
        self.suppressions = FakeSuppressions()
        self.erased = FakeErasedCustomers()
        entries = FakeEntries(self.suppressions)
        self.cancellations = Cancellations(self.erased, hashes_over(entries, PSEUDONYMS))
        self.restrictions = FakeRestrictions()
        self.looks = FakeLooks(self.erased, self.restrictions, entries)
        self.registry = FakeRegistry(self.numbers)
        self.job_leases = FakeJobLeases()
        self.receipts = FakeReceipts()

    @property
    def providers(self) -> Mapping[str, MessageSender]:
        return {"cloud_api": self.provider}

    @property
    def errors(self) -> ErrorTables:
        return ErrorTables(self.numbers, self.providers)

    @classmethod
    def answering(cls, *outcomes: SendOutcome, **fields: Any) -> "Gateway":
        gateway = cls(**fields)
        gateway.provider.outcomes = list(outcomes)
        return gateway

    def media(self) -> PrepareMedia:
        return PrepareMedia(
            files=self.files,
            numbers=self.numbers,
            uploads={} if self.uploads is None else {"cloud_api": self.uploads},
            links=TemplateFileLinks(base_url=self.media_url, keys=SEALER.keys),
            errors={"cloud_api": self.provider.errors},
            clock=self.world.clock,
            sleep=self.world.sleep,
        )

    def process(self, owner: str = "sender-1") -> DeliverMessage:
        world = self.world
        deps = DeliveryDependencies(
            ledger=self.ledger,
            pacing=self.ledger,
            statuses=self.ledger,
            decisions=self.decisions,
            conversations=self.conversations,
            cancellations=self.cancellations,
            pseudonyms=PSEUDONYMS,
            contacts=MessageContacts(SEALER),
            clock=world.clock,
            monotonic=world.monotonic,
            sleep=world.sleep,
        )
        results = ResultWriter(deps=deps, owner=owner)
        checks = self.checks(results)
        return DeliverMessage(
            deps=deps,
            results=results,
            finish=FinishCall(
                deps=deps,
                results=results,
                effects=self.refusal_effects(),
                errors=self.errors,
                checks=checks,
                owner=owner,
            ),
            checks=checks,
            look=LookBeforeCall(self.looks, self.cancellations, results, self.world.clock),
            fallbacks=FALLBACKS,
            prepare=PrepareMessage(numbers=self.numbers, providers=self.providers),
            media=self.media(),
            receipts=self.receipts,
            earlier=EarlierMessages(deps),
            call=CallProvider(
                breakers=CircuitBreakers(self.breaker),
                rules=OutcomeRules(limits=self.limits, random=lambda: 0.5),
                monotonic=world.monotonic,
            ),
            options=DeliveryOptions(owner=owner, lease_s=LEASE),
        )

    def checks(self, results: ResultWriter) -> CheckRestrictions:
        return CheckRestrictions(
            restrictions=self.restrictions,
            statuses=self.ledger,
            results=results,
            clock=self.world.clock,
            hold=self.hold,
        )

    def refusal_effects(self) -> RefusalEffects:
        return RefusalEffects(
            conversations=self.conversations,
            suppressions=self.suppressions,
            restrictions=AddRestrictions(
                restrictions=self.restrictions,
                business_accounts=self.registry,
                token_peers=RegistryTokenPeers(self.registry, self.numbers),
                job_leases=self.job_leases,
            ),
            numbers=self.numbers,
            pacing=self.ledger,
            clock=self.world.clock,
        )

    def handler(self, owner: str = "sender-1") -> SendMessage:
        follow_ups = FollowUps(
            statuses=self.ledger, effects=self.refusal_effects(), errors=self.errors, clock=self.world.clock
        )
        erased = self.cancellations.erased_during
        return SendMessage(deliver=self.process(owner), follow_ups=follow_ups, erased=erased)

    def status_handler(self) -> HandleStatus:
        return HandleStatus(
            statuses=self.ledger,
            decisions=self.decisions,
            effects=self.refusal_effects(),
            errors=self.errors,
            clock=self.world.clock,
            parking_time=timedelta(minutes=2),
            cancellations=self.cancellations,
            pseudonyms=PSEUDONYMS,
            fallbacks=FALLBACKS,
            contacts=MessageContacts(SEALER),
        )

    async def answered(self, event: MessageApproved, **delivery: Any) -> WebhookAnswered:
        """Handle a message in a process of its own; its answer."""
        said = await self.handler()(received(event, **delivery))
        return answer_in(said)

    async def until_done(self, deliver: DeliverMessage, event: MessageApproved) -> Result:
        """Deliver as the chassis does: again after 5 s when asked to, a new process after a crash."""
        for life in range(2, 50):
            try:
                return await deliver(event)
            except (RetryLater, GatewayError):
                self.world.elapsed += 5.0
            except Crash:
                self.world.elapsed += 1.0
                deliver = self.process(f"sender-{life}")
        raise AssertionError("never done")
