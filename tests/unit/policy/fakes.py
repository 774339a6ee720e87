"""Fakes of policy's ports, with state."""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from libs.contracts.decisions import Decision
from libs.contracts.known_templates import KnownTemplate
from libs.store.accounts import Account, Integration, Number
from libs.store.chats import PseudoCustomer
from libs.store.consents import Consent, CustomerConsents, Withdrawal, merged
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.customer_links import CustomerLink, Relation
from libs.store.decisions import (
    Cooldown,
    CoolingDown,
    DecisionResult,
    FactsQuery,
    Limit,
    Proposal,
    QuotaExhausted,
    StandingDecision,
    StoredFacts,
)
from libs.store.identities import Identity
from libs.store.inbound_messages import InboundMessage
from libs.store.outbox import OutboxEvent
from libs.store.restrictions import Added, EventsOf, Restriction, RestrictionKind, Subject
from libs.store.statuses import StatusUpdate, TrackedMessage
from libs.store.template_recipients import COUNTED, TemplateUse
from services.policy.handlers.chat_customers import ChatCustomers
from services.policy.handlers.customer_contacts import CustomerContacts
from services.policy.handlers.find_quoted import FindQuoted
from services.policy.handlers.gather_requests import GatherRequests
from tests.builders import PSEUDONYMS, SEALER, a_number, an_account, an_integration, stored


@dataclass
class FakeDirectory:
    accounts: dict[str, Account] = field(default_factory=lambda: {"acc_1": an_account()})
    integrations: dict[str, Integration] = field(default_factory=lambda: {"int_1": an_integration()})
    row: Number = field(default_factory=a_number)

    async def account(self, account_id: str) -> Account | None:
        return self.accounts.get(account_id)

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        return self.row

    async def integration(self, integration_id: str) -> Integration | None:
        return self.integrations.get(integration_id)


@dataclass
class FakeDeliveryOrder:
    """The delivery orders by number and customer."""

    lines: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    async def enqueue(self, *, number_id: str, customer_key: str, event_id: str, now: datetime) -> str | None:
        line = self.lines.setdefault((number_id, customer_key), [])
        if event_id not in line:
            line.append(event_id)
        place = line.index(event_id)
        return line[place - 1] if place else None


@dataclass
class FakeDecisions:
    """Stores decisions; `left` is the rest of the quota."""

    known: StoredFacts = field(default_factory=stored)
    left: int = 1_000
    kept: dict[str, Decision] = field(default_factory=dict)
    cooldowns: dict[str, datetime] = field(default_factory=dict)
    questions: list[FactsQuery] = field(default_factory=list)
    delivery_order: FakeDeliveryOrder = field(default_factory=FakeDeliveryOrder)

    async def facts(self, query: FactsQuery) -> StoredFacts:
        self.questions.append(query)
        return replace(self.known, decision=self.kept.get(query.event_id))

    async def decide(self, proposal: Proposal) -> DecisionResult:
        if proposal.event_id in self.kept:
            return StandingDecision(self.kept[proposal.event_id], fresh=False)
        if proposal.budget is not None:
            cooldown = proposal.cooldown
            if cooldown is not None and self.cooldowns.get(cooldown.id, proposal.now) > proposal.now:
                return CoolingDown(self.cooldowns[cooldown.id])
            if cooldown is not None:
                self.cooldowns[cooldown.id] = proposal.now + timedelta(seconds=cooldown.seconds)
            if self.left == 0:
                return QuotaExhausted(Limit.DAILY, proposal.budget.daily_limit)
            self.left -= 1
        self.kept[proposal.event_id] = proposal.decision
        return StandingDecision(proposal.decision, fresh=True, after=await self._enqueue(proposal))

    async def _enqueue(self, proposal: Proposal) -> str | None:
        place = proposal.position
        if proposal.budget is None or place is None:
            return None
        return await self.delivery_order.enqueue(
            number_id=place.number_id, customer_key=place.customer_key, event_id=proposal.event_id, now=proposal.now
        )

    async def cooling_down(self, cooldown: Cooldown, now: datetime) -> CoolingDown | None:
        until = self.cooldowns.get(cooldown.id, now)
        return CoolingDown(until) if until > now else None

    async def release(self, event_id: str, now: datetime) -> bool:
        return False


@dataclass
class FakeConversations:
    opened: dict[tuple[str, str], datetime] = field(default_factory=dict)
    quotable: dict[str, InboundMessage] = field(default_factory=dict)
    """Customers' messages by event id and by hash."""

    async def find(self, reference: str) -> InboundMessage | None:
        return self.quotable.get(reference)

    async def newest(self, number_id: str, customer_keys: Collection[str], *, until: datetime) -> InboundMessage | None:
        known = [each for each in self.quotable.values() if each.customer_key in customer_keys and each.at <= until]
        return max(known, key=lambda each: each.at, default=None)

    async def open_window(
        self, number_id: str, customer_keys: Sequence[str], at: datetime, *, message: InboundMessage | None = None
    ) -> None:
        if message is not None:
            self.quotable |= {message.event_id: message, message.message_hash: message}
        for key in customer_keys:
            self.opened[number_id, key] = max(at, self.opened.get((number_id, key), at))

    async def join_windows(self, account_id: str, customer_keys: Sequence[str], main_key: str) -> None:
        for number_id in {number for number, _ in self.opened}:
            times = [self.opened[number_id, key] for key in customer_keys if (number_id, key) in self.opened]
            if times:
                await self.open_window(number_id, [main_key], max(times))

    async def close_window(self, number_id: str, customer_key: str, at: datetime) -> None: ...


@dataclass
class FakeMessages:
    """Messages that the gateway sent."""

    sent: list[TrackedMessage] = field(default_factory=list)

    async def apply(self, update: StatusUpdate) -> TrackedMessage | None:
        raise NotImplementedError

    async def find(self, event_id: str) -> TrackedMessage | None:
        return next((each for each in self.sent if each.event_id == event_id), None)

    async def find_message(self, number_id: str, message_id: str) -> TrackedMessage | None:
        named = (each for each in self.sent if (each.number_id, each.message_id) == (number_id, message_id))
        return next(named, None)


@dataclass
class FakeTemplates:
    """The templates of business accounts, by owner."""

    known: dict[str, list[KnownTemplate]] = field(default_factory=dict)

    async def of_name(self, owner: str, name: str) -> Sequence[KnownTemplate]:
        return [each for each in self.known.get(owner, ()) if each.name == name]


def gather_requests(
    templates: FakeTemplates | None = None,
    messages: FakeMessages | None = None,
    inbound: FakeConversations | None = None,
    links: "FakeCustomerLinks | None" = None,
    directory: FakeDirectory | None = None,
) -> GatherRequests:
    """What messages refer to, from fakes."""
    quoted = FindQuoted(
        messages or FakeMessages(),
        inbound or FakeConversations(),
        links or FakeCustomerLinks(),
        PSEUDONYMS,
        SEALER,
    )
    return GatherRequests(directory or FakeDirectory(), templates or FakeTemplates(), quoted, PSEUDONYMS)  # type: ignore[arg-type]  # read alone


@dataclass
class FakeTemplateRecipients:
    """`TemplateRecipients` with the customers of one business account and the times from which they count."""

    counted: dict[str, datetime] = field(default_factory=dict)

    async def use(self, owner: str, customer_key: str, *, limit: int, now: datetime) -> TemplateUse:
        within = {key: at for key, at in self.counted.items() if at > now - COUNTED}
        return TemplateUse(min(len(within), limit), customer_key in within, min(within.values(), default=None))

    async def count(self, owner: str, account_id: str, customer_key: str, now: datetime) -> None:
        if self.counted.get(customer_key, now - COUNTED) <= now - COUNTED:
            self.counted[customer_key] = now


@dataclass
class FakeRestrictions:
    """`Restrictions` and `StandingRestrictions` in memory; `add` keeps the events of those that began."""

    rows: list[Restriction] = field(default_factory=list)
    events: list[OutboxEvent] = field(default_factory=list)

    async def add(self, restriction: Restriction, events: Sequence[OutboxEvent]) -> Added:
        standing = next((each for each in self.rows if each.slot == restriction.slot), None)
        if standing is not None:
            return Added(standing, fresh=False)
        self.rows.append(restriction)
        self.events.extend(events)
        return Added(restriction, fresh=True)

    async def claim_probe(self, restriction: Restriction, *, now: datetime, next_at: datetime) -> bool:
        raise NotImplementedError

    async def lift(
        self, account_id: str, subject: Subject, kind: RestrictionKind, *, at: datetime, events: EventsOf
    ) -> Restriction | None:
        found = [each for each in self.rows if (each.subject, each.kind) == (subject, kind) and each.since <= at]
        self.rows = [each for each in self.rows if each not in found]
        return found[0] if found else None

    async def standing(self, account_id: str, subjects: Collection[Subject], now: datetime) -> Sequence[Restriction]:
        return [each for each in self.rows if each.subject in subjects and each.stands_at(now)]

    async def get(self, restriction_id: str, now: datetime) -> Restriction | None:
        raise NotImplementedError

    async def page(self, **_: Any) -> Sequence[Restriction]:
        raise NotImplementedError


@dataclass
class FakeErasedCustomers:
    """Erasures by customer key."""

    times: dict[str, datetime] = field(default_factory=dict)

    async def mark(self, account_id: str, customer_keys: Collection[str], at: datetime) -> None:
        self.times |= dict.fromkeys(customer_keys, at)

    async def erased_at(self, account_id: str, customer_keys: Collection[str]) -> datetime | None:
        return max((self.times[key] for key in customer_keys if key in self.times), default=None)

    async def forget(self, now: datetime) -> None:
        raise NotImplementedError


@dataclass
class FakeSuppressions:
    rows: dict[tuple[str, str], Suppression] = field(default_factory=dict)
    lifts: dict[tuple[str, str], datetime] = field(default_factory=dict)
    by_key: dict[tuple[str, str, str | None], Suppression | None] = field(default_factory=dict)
    seen: dict[str, Suppression] = field(default_factory=dict)

    async def suppress(self, suppression: Suppression, events: Sequence[Any]) -> Suppression:
        key = (suppression.customer_key, suppression.kind)
        kept = self.rows.get(key)
        active = kept if kept is not None and kept.active else None
        if suppression.id in self.seen:
            return active or replace(suppression, active=False)
        self.seen[suppression.id] = suppression
        if active is not None:
            latest = max(active.latest_at, suppression.latest_at)
            self.rows[key] = replace(active, repeated_at=None if latest == active.since else latest)
            return self.rows[key]
        if self.lifts.get(key, suppression.since).replace(microsecond=0) > suppression.since:
            del self.seen[suppression.id]
            return replace(suppression, active=False)
        self.rows[key] = suppression
        return suppression

    async def lift(
        self,
        *,
        account_id: str,
        customer_key: str,
        kind: SuppressionKind,
        at: datetime,
        events: Sequence[Any],
        deduplication_key: str | None = None,
        known: Suppression | None = None,
    ) -> Suppression | None:
        if deduplication_key is None:
            return self._lifted(customer_key, kind, at)
        if (customer_key, kind, deduplication_key) in self.by_key:
            return self.by_key[customer_key, kind, deduplication_key]
        latest = self.lifts.get((customer_key, kind), at)
        self.lifts[customer_key, kind] = max(at.replace(microsecond=0), latest)
        self.by_key[customer_key, kind, deduplication_key] = self._lifted(customer_key, kind, at)
        return self.by_key[customer_key, kind, deduplication_key]

    def _lifted(self, customer_key: str, kind: SuppressionKind, at: datetime) -> Suppression | None:
        kept, when = self.rows.get((customer_key, kind)), at.replace(microsecond=0)
        if kept is None or not kept.active or kept.latest_at >= when:
            return None
        self.rows[customer_key, kind] = replace(kept, active=False)
        return kept

    async def standing(self, account_id: str, customer_keys: Collection[str]) -> frozenset[SuppressionKind]:
        return frozenset(row.kind for row in self.rows.values() if row.active and row.customer_key in customer_keys)

    async def page(
        self, *, account_id: str | None, customer_key: str | None, after: str | None, limit: int
    ) -> Sequence[Suppression]:
        return [row for row in self.rows.values() if row.active and customer_key in {None, row.customer_key}]

    async def get(self, suppression_id: str) -> Suppression | None:
        return self.seen.get(suppression_id)


@dataclass
class FakeCustomers:
    """The customer keys that the account knows; `asked` counts the look-ups."""

    keys: set[str] = field(default_factory=set)
    asked: int = 0

    async def known(self, account_id: str, customer_keys: Collection[str]) -> frozenset[str]:
        self.asked += 1
        return frozenset(customer_keys) & self.keys


@dataclass
class FakeIdentities:
    """Links by customer key; times decide as in the store."""

    partners: dict[str, str] = field(default_factory=dict)
    linked_at: dict[str, datetime] = field(default_factory=dict)
    done: set[frozenset[str]] = field(default_factory=set)

    async def link(self, account_id: str, keys: Sequence[str], at: datetime) -> Identity:
        if len(keys) == 2:
            if any(self.partners.get(a, b) != b and self.linked_at[a] > at for a, b in (keys, keys[::-1])):
                return Identity(tuple(keys))
            self.linked_at |= {key: max(at, self.linked_at.get(key, at)) for key in keys}
            self.partners |= {keys[0]: keys[1], keys[1]: keys[0]}
            return Identity(tuple(keys), frozenset(keys) in self.done)
        partner = self.partners.get(keys[0])
        if partner is None or self.partners.get(partner) != keys[0]:
            return Identity((keys[0],))
        return Identity((keys[0], partner), frozenset((keys[0], partner)) in self.done)

    async def mark_merged(self, account_id: str, keys: Sequence[str]) -> None:
        self.done.add(frozenset(keys))


@dataclass
class FakeCustomerLinks:
    """The main key, the relation and the contact of each key; times decide as in the store."""

    rows: dict[str, CustomerLink] = field(default_factory=dict)
    linked_at: dict[str, datetime] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)

    async def find(self, account_id: str, customer_keys: Collection[str]) -> Sequence[CustomerLink]:
        mains = {self.rows[key].main_key for key in customer_keys if key in self.rows}
        return [row for row in self.rows.values() if row.main_key in mains]

    async def join(self, account_id: str, key: str, main_key: str, relation: Relation, at: datetime) -> bool:
        main = self.rows[main_key].main_key if main_key in self.rows else main_key
        if main == key or self.linked_at.get(key, at) > at:
            return False
        rivals = [row for row in self.rows.values() if row.main_key == main and row.relation is Relation.USER_ID]
        if relation is Relation.USER_ID:
            if any(self.linked_at[row.customer_key] > at for row in rivals if row.customer_key != key):
                return False
            for row in rivals:
                self.rows[row.customer_key] = _alone(row.customer_key)
        self.rows.setdefault(main, _alone(main))
        self.rows[key] = replace(self.rows.get(key, _alone(key)), main_key=main, relation=relation)
        self.linked_at[key] = at
        for name, row in self.rows.items():
            if row.main_key == key:
                self.rows[name] = replace(row, main_key=main)
        return True

    async def leave(self, account_id: str, alias: str, at: datetime) -> None:
        row = self.rows.get(alias)
        if row is not None and row.relation is Relation.ALIAS and self.linked_at[alias] <= at:
            self.rows[alias] = _alone(alias)

    async def keep_contact(self, account_id: str, customer_key: str, contact: str, at: datetime) -> None:
        row = self.rows.get(customer_key, _alone(customer_key))
        if row.contact_at is None or row.contact_at <= at:
            self.rows[customer_key] = replace(row, contact=contact, contact_at=at)

    async def rekey(self, account_id: str, former_key: str, customer_key: str) -> bool:
        self.moved[former_key] = customer_key
        return True


def _alone(key: str) -> CustomerLink:
    return CustomerLink(customer_key=key, main_key=key, relation=Relation.MAIN)


def contacts_over(links: FakeCustomerLinks) -> CustomerContacts:
    """Contacts with a sealing key of the tests."""
    return CustomerContacts(links, PSEUDONYMS, SEALER)


@dataclass
class FakePseudoNumbers:
    """The pseudo numbers of one integration."""

    given: dict[str, PseudoCustomer] = field(default_factory=dict)
    """By number."""
    taken: int = 0
    """How many proposals are another customer's."""

    async def number_of(self, integration_id: str, customer: PseudoCustomer, *, proposed: str) -> str | None:
        known = (number for number, each in self.given.items() if each.customer_key == customer.customer_key)
        if (number := next(known, None)) is not None:
            return number
        if self.taken:
            self.taken -= 1
            return None
        self.given[proposed] = customer
        return proposed

    async def numbers_of(self, account_id: str, customer_keys: Collection[str]) -> Sequence[tuple[str, str]]:
        return [("int_1", number) for number, each in self.given.items() if each.customer_key in customer_keys]

    async def customer_of(self, integration_id: str, number: str) -> PseudoCustomer | None:
        return self.given.get(number)


def chat_customers(numbers: FakePseudoNumbers | None = None) -> ChatCustomers:
    """Customers of chats; pseudo numbers are counted from 1."""
    count = itertools.count(1)
    return ChatCustomers(numbers or FakePseudoNumbers(), PSEUDONYMS, SEALER, lambda: f"+999{next(count):011}")


@dataclass
class FakeConsents:
    """The ledger of consents by customer key."""

    held: dict[str, CustomerConsents] = field(default_factory=dict)

    async def record(self, consents: Sequence[Consent], events: Sequence[OutboxEvent] = ()) -> Collection[str]:
        known = {(key, each.fingerprint) for key, held in self.held.items() for each in held.consents}
        new = [each for each in consents if (each.customer_key, each.fingerprint) not in known]
        for each in new:
            self._add(each.customer_key, CustomerConsents(consents=(each,)))
        return {each.id for each in new}

    async def withdraw(self, withdrawals: Sequence[Withdrawal], events: Sequence[OutboxEvent] = ()) -> None:
        for each in withdrawals:
            self._add(each.customer_key, CustomerConsents(withdrawals=(each,)))

    async def of_customer(self, account_id: str, customer_keys: Collection[str]) -> CustomerConsents:
        return merged([self.held.get(key, CustomerConsents()) for key in customer_keys])

    async def copy(self, account_id: str, origins: Collection[str], targets: Collection[str]) -> None:
        for origin, target in itertools.product(origins, targets):
            self._add(target, self.held.get(origin, CustomerConsents()))

    async def page(self, *, account_id: str, after: str | None, limit: int) -> Sequence[Consent]:
        return [each for held in self.held.values() for each in held.consents][:limit]

    def _add(self, key: str, more: CustomerConsents) -> None:
        self.held[key] = merged([self.held.get(key, CustomerConsents()), more])
