"""`DescribeVerification` says in a report what was proven of the records that it counts."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from libs.record.faults import Fault
from libs.store.erasures import Erasure, Erasures
from libs.store.verified import Scope, VerificationState, VerificationStates
from services.console.domain.reports.model import FaultView, Verification
from services.console.handlers.reports.counted_records import ChainCount
from services.console.ports import OpenErasures

_OPEN = 1_000
NO_KEY = "This console has no key to verify with (GATEWAY_SIGNING_KEYS): nothing is proven"


@dataclass(frozen=True, slots=True)
class DescribeVerification:
    """Describes a count, together with what the scheduled verifications found."""

    states: VerificationStates

    async def __call__(self, count: ChainCount) -> Verification:
        """The verification of a report."""
        states = await self.states.all()
        whole, head = states.get(Scope.WHOLE), count.head
        newest = None if head is None else head.checkpoint
        checkpoint = None
        if newest is not None:
            checkpoint = f"{newest.number}, up to place {newest.last}, signed with key {newest.key}"
        fault = _view(count.fault) or _noted(states.values(), "" if head is None else head.chain)
        return Verification(
            state="unproven" if not count.verified else "proven" if fault is None else "broken",
            recomputed=count.recomputed if count.verified else 0,
            tallied=count.tallied,
            unsealed=0 if head is None else head.seq - max(newest.last if newest else 0, count.purged),
            checkpoint=checkpoint,
            shipped=count.shipped,
            fault=fault,
            whole_at=None if whole is None else whole.verified_at,
            note=_note(count),
        )


def open_erasures_of(erasures: Erasures) -> OpenErasures:
    """Reads an account's erasures that are not recorded as done yet."""

    async def open_erasures(account_id: str) -> list[Erasure]:
        waiting = await erasures.unfinished(_OPEN)
        return [each for each in waiting if each.account_id == account_id and not each.is_emptied]

    return open_erasures


def _note(count: ChainCount) -> str | None:
    if not count.verified:
        return NO_KEY
    if count.restorations:
        return f"The record was restored from a backup: {count.restorations[-1].reason}"
    return None


def _view(fault: Fault | None) -> FaultView | None:
    if fault is None:
        return None
    return FaultView(
        kind=fault.kind.value,
        seq=fault.seq,
        record_id=fault.record_id,
        checkpoint=fault.checkpoint,
        meaning=fault.kind.meaning,
    )


def _noted(states: Iterable[VerificationState], chain: str) -> FaultView | None:
    """The fault of this chain that a scheduled verification found and that still stands."""
    for state in states:
        found = None if state.sound or state.fault is None else orjson.loads(state.fault)
        if isinstance(found, dict) and found.get("chain") == chain:
            fields = {name: found.get(name) for name in ("kind", "seq", "record_id", "checkpoint", "meaning")}
            return FaultView.model_validate(fields)
    return None
