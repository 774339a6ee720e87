"""Builders of rows, claims and records: a test states only the values that it is about."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from libs.contracts.decisions import Decision
from libs.contracts.errors import GatewayError
from libs.store.accounts import Account, Integration, Number
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.cursors import cursor_from
from libs.store.decisions import Budget, Cooldown, FactsQuery, Proposal, StandingDecision
from libs.store.ledger import Claim, Pace
from libs.store.outbox import OutboxEvent
from libs.store.records import Record
from libs.store.restrictions import KINDS, Restriction, Subject, of_number
from libs.store.store import Store

NOW = datetime(2096, 11, 23, 9, 30, 0, 123456, tzinfo=UTC)  # a TTL index goes by the real clock, and must not remove it
UNPACED = Pace(number_rate=1e6, number_burst=1_000_000, pair_interval=1e-6, pair_burst=1_000_000)
"""A pace that never objects."""

INVALID_CURSORS = (
    *("", "nonsense", "é", "bm9uc2Vuc2U=", "AAAA", "W10", "{}", "x" * 5000, "W251bGwsIDFd", "\x00"),
    *(cursor_from(at, "record-1") for at in (2**63, -(2**63), 2**64 - 1)),
)
"""Texts that are no cursor of ours, and times that no database column holds."""


def after(seconds: float) -> datetime:
    """`NOW` and some seconds."""
    return NOW + timedelta(seconds=seconds)


def an_account(account_id: str = "acc-1", **fields: Any) -> Account:
    given: dict[str, Any] = {"name": "Acme", "business_name": "Acme Ltd", "created_at": NOW, "updated_at": NOW}
    return Account(id=account_id, **(given | fields))


def a_number(number_id: str = "num-1", **fields: Any) -> Number:
    given: dict[str, Any] = {
        "account_id": "acc-1",
        "phone_number_id": f"provider-{number_id}",
        "sealed_token": "k1:nonce:sealed",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Number(id=number_id, **(given | fields))


def an_integration(integration_id: str = "int-1", **fields: Any) -> Integration:
    given: dict[str, Any] = {"account_id": "acc-1", "instance_id": "num-1", "created_at": NOW, "updated_at": NOW}
    return Integration(id=integration_id, **(given | fields))


def an_outbox_event(posted_id: str = "00000000-0000-0000-0000-000000000001", **fields: Any) -> OutboxEvent:
    given: dict[str, Any] = {"name": "account.changed", "body": b'{"actor":"op"}', "at": NOW.timestamp()}
    return OutboxEvent(id=posted_id, **(given | fields))


def a_suppression(suppression_id: str = "sup-1", **fields: Any) -> Suppression:
    given: dict[str, Any] = {
        "account_id": "acc-1",
        "customer_key": "customer-1",
        "masked_phone": "+9665•••••000",
        "kind": SuppressionKind.OPT_OUT,
        "source": "keyword",
        "reason": None,
        "actor": None,
        "since": NOW,
    }
    return Suppression(id=suppression_id, **(given | fields))


def a_restriction(subject: Subject | None = None, **fields: Any) -> Restriction:
    subject = subject or of_number("num-1")
    given: dict[str, Any] = {"id": "res-1", "account_id": "acc-1", "cause": "131048", "since": NOW}
    return Restriction(subject=subject, **({"kind": KINDS[subject.scope][0]} | given | fields))


def a_facts_query(event_id: str = "event-1", **fields: Any) -> FactsQuery:
    given: dict[str, Any] = {
        "account_id": "acc-1",
        "number_id": "num-1",
        "customer_keys": ("customer-1",),
        "day": "2026-11-23",
        "month": "2026-11",
        "now": NOW,
    }
    return FactsQuery(event_id=event_id, **(given | fields))


def a_budget(**fields: Any) -> Budget:
    given: dict[str, Any] = {
        "account_id": "acc-1",
        "day": "2026-11-23",
        "month": "2026-11",
        "daily_limit": 100_000,
        "monthly_limit": 2_000_000,
    }
    return Budget(**(given | fields))


def a_decision(reason: str) -> Decision:
    return Decision(reason=reason)


def standing(reason: str, *, fresh: bool, after: str | None = None) -> StandingDecision:
    return StandingDecision(a_decision(reason), fresh, after)


def an_approval(event_id: str = "event-1", **fields: Any) -> Proposal:
    given: dict[str, Any] = {"decision": a_decision("approved"), "budget": a_budget(), "now": NOW}
    return Proposal(event_id=event_id, **(given | fields))


def a_refusal(event_id: str = "event-1", **fields: Any) -> Proposal:
    given: dict[str, Any] = {"decision": a_decision("refused"), "budget": None, "now": NOW}
    return Proposal(event_id=event_id, **(given | fields))


def a_claim(event_id: str = "event-1", **fields: Any) -> Claim:
    given: dict[str, Any] = {
        "account_id": "acc-1",
        "number_id": "num-1",
        "customer_key": "customer-1",
        "callback_id": f"gw1:{event_id}:signed",
        "owner": "sender-1",
        "now": NOW,
        "lease_seconds": 20.0,
        "pace": UNPACED,
    }
    return Claim(event_id=event_id, **(given | fields))


def a_record(record_id: str = "record-1", **fields: Any) -> Record:
    given: dict[str, Any] = {
        "at": NOW,
        "type": "webhook.received",
        "account_id": "acc-1",
        "integration_id": "int-1",
        "event_id": "event-1",
    }
    return Record(id=record_id, **(given | fields))


def records_of_one_moment_and_later(count: int) -> Sequence[Record]:
    """Records of which every three share their time, so that the id decides their order."""
    return [a_record(f"record-{number:05}", at=after(number // 3)) for number in range(count)]


def a_cooldown(**fields: Any) -> Cooldown:
    given: dict[str, Any] = {
        "owner_id": "int-1",
        "event_type": "missed_call",
        "customer_key": "customer-1",
        "seconds": 900,
    }
    return Cooldown(**(given | fields))


async def takes_writes(store: Store) -> bool:
    """Whether the readiness probe can write."""
    try:
        await store.probe()
    except GatewayError:
        return False
    return True
