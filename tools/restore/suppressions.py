"""Applies suppressions and lifts of a sink again to a restored store.

The rule: in doubt the suppression stands. The store compares customers' requests by WhatsApp's times, in any order. An
operator's lift ends what the store has, so its place in the order counts; a suppression within `TIES` before it is
applied after it, unless the lift names it: the clocks of two processes differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid5

from libs.contracts.events import SuppressionAdded, SuppressionEvent, SuppressionLifted
from libs.store.conversations import OPERATOR, Suppression, SuppressionKind
from libs.store.do_not_contact import DoNotContact, HashedErasedCustomers
from libs.store.erased_customers import cancels
from libs.store.outbox import OutboxEvent
from libs.store.restore_lines import ADDED, LIFTED, RestoreLine
from libs.store.store import Store

TIES: Final = timedelta(seconds=60)
"""More than the clocks of two services differ."""
RESTORED: Final = "restore"
"""The actor in the events of what a restore applies again."""


_Name = tuple[str, str, str]
"""Account, customer key and kind."""


@dataclass(frozen=True, slots=True)
class ReplaySuppressions:
    """Safe to repeat: requests are known by the ids of their lines."""

    store: Store
    do_not_contact: DoNotContact

    async def __call__(self, lines: Sequence[RestoreLine]) -> int:
        """Apply the lines; returns how many suppressions were added or lifted by them."""
        lifts = [line for line in lines if line.kind == LIFTED]
        named = {line.details["suppression_id"]: line.at for line in lifts}
        ordered = sorted(lines, key=partial(_place, named=named))
        last = {name: n for n, line in enumerate(ordered) if line.kind == ADDED for name in _names(line)}
        return sum([await self._apply(line, n, last) for n, line in enumerate(ordered)])

    async def _apply(self, line: RestoreLine, place: int, last_added: Mapping[_Name, int]) -> int:
        kind = SuppressionKind(line.details["suppression"])
        changed = 0
        for number, (key, name) in enumerate(zip(line.customer_keys, _names(line), strict=True)):
            events = [_event(line, key)] if number == 0 else []
            if line.kind == ADDED:
                changed += await self._suppress(line, key, kind, events)
            elif line.details["source"] == OPERATOR:
                if last_added.get(name, -1) > place:
                    continue  # it stands in the end; a repetition must not end the row that stands
                changed += await self._end(line, key, kind, events)
            else:
                changed += await self._opt_in(line, key, kind, events)
        return changed

    async def _suppress(
        self, line: RestoreLine, key: str, kind: SuppressionKind, events: Sequence[OutboxEvent]
    ) -> bool:
        standing = await self.store.suppressions.standing(line.account_id, [key])
        wanted = Suppression(
            id=f"sup_{uuid5(UUID(line.id), key).hex}",
            account_id=line.account_id,
            customer_key=key,
            masked_phone="",
            kind=kind,
            source=line.details["source"],
            reason=None,
            actor=None,
            since=line.since,
            evidence={"at": line.since.isoformat(), "restored": True},
        )
        added = await self.store.suppressions.suppress(wanted, events)
        return added.active and kind not in standing

    async def _end(self, line: RestoreLine, key: str, kind: SuppressionKind, events: Sequence[OutboxEvent]) -> bool:
        lifted = await self.store.suppressions.lift(
            account_id=line.account_id, customer_key=key, kind=kind, at=line.at, events=events
        )
        return lifted is not None

    async def _opt_in(self, line: RestoreLine, key: str, kind: SuppressionKind, events: Sequence[OutboxEvent]) -> bool:
        """The customer's own lift: of the key, and of what an earlier erasure left of it (as policy does)."""
        keys = [key]
        erased_customers = HashedErasedCustomers(self.store.erased_customers, self.do_not_contact)
        if not cancels(await erased_customers.erased_at(line.account_id, [key]), line.since):
            keys += await self.do_not_contact.of(line.account_id, [key])
        lift = partial(self.store.suppressions.lift, account_id=line.account_id, kind=kind, at=line.since)
        lifted = [
            await lift(customer_key=each, events=events if each == key else (), deduplication_key=f"{line.id}:{each}")
            for each in keys
        ]
        return any(row is not None for row in lifted)


def _names(line: RestoreLine) -> list[_Name]:
    """What a line is about, for each of its keys."""
    return [(line.account_id, key, line.details["suppression"]) for key in line.customer_keys]


def _place(line: RestoreLine, named: dict[str, datetime]) -> tuple[datetime, str]:
    """A line's place in the order: a suppression that a lift names is before the lift, others after it in doubt."""
    if line.kind != ADDED:
        return line.at, line.id
    lifted_at = named.get(line.details["suppression_id"])
    return (line.at + TIES if lifted_at is None else min(line.at, lifted_at)), line.id


def _event(line: RestoreLine, key: str) -> OutboxEvent:
    """The event of the change, again: the record after the backup is lost, and its line must be in the sink."""
    kind: type[SuppressionEvent] = SuppressionAdded if line.kind == ADDED else SuppressionLifted
    fields: dict[str, Any] = {name: line.details[name] for name in ("suppression_id", "source")}
    event = kind(
        account_id=line.account_id,
        kind=line.details["suppression"],
        customer_key=key,
        customer_keys=line.customer_keys,
        actor=RESTORED,
        evidence={"at": line.since.isoformat(), "restored": True},
        **fields,
    )
    return OutboxEvent(line.id, event.name, event.model_dump_json(exclude_none=True).encode(), line.at.timestamp())
