"""`Approvals` in MongoDB: one document for each request, with the events about its changes of state."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from libs.store.approvals import (
    FINAL,
    Approval,
    ApprovalEnd,
    ApprovalKind,
    ApprovalState,
    Transition,
    WaitingApprovals,
)
from libs.store.instants import instant_from, micros_from, optional_instant_from
from libs.store.mongo.database import DUPLICATE_KEY, Database, Document, run, unless_duplicate
from libs.store.mongo.outbox import entries_from
from libs.store.outbox import OutboxEvent

_TIMES: Final = ("requested_at", "expires_at", "decided_at", "ended_at")
_EMPTY: Final[Document] = {"sealed": None, "customer_keys": [], "fingerprint": ""}
_UNFINISHED: Final = [ApprovalState.PENDING.value, ApprovalState.APPROVED.value]


class MongoApprovals:
    """`Approvals`."""

    def __init__(self, database: Database) -> None:
        self._approvals = database["approvals"]

    async def add(self, approval: Approval, events: Sequence[OutboxEvent]) -> Approval:
        """As `Approvals.add`."""
        document = _document_from(approval) | {"outbox": entries_from(events)}
        if await unless_duplicate(self._approvals.insert_one(document)) is DUPLICATE_KEY:
            return await self.get(approval.id) or approval
        return approval

    async def get(self, approval_id: str) -> Approval | None:
        """As `Approvals.get`."""
        found = await run(self._approvals.find_one({"_id": approval_id}))
        return None if found is None else _approval_from(found)

    async def pending_like(self, account_id: str, fingerprint: str) -> Approval | None:
        """As `Approvals.pending_like`."""
        wanted = {"account_id": account_id, "state": ApprovalState.PENDING.value, "fingerprint": fingerprint}
        found = await run(self._approvals.find_one(wanted))
        return None if found is None else _approval_from(found)

    async def page(
        self, *, account_id: str | None, state: ApprovalState | None, after: str | None, limit: int
    ) -> Sequence[Approval]:
        """As `Approvals.page`."""
        given = {"account_id": account_id, "state": None if state is None else state.value}
        wanted: Document = {name: value for name, value in given.items() if value is not None}
        return await self._find({"_id": {"$gt": after or ""}, **wanted}, [("_id", 1)], limit)

    async def unfinished(
        self, state: ApprovalState, limit: int, *, before: datetime | None = None
    ) -> Sequence[Approval]:
        """As `Approvals.unfinished`."""
        ending: Document = {} if before is None else {"expires_at": {"$lte": micros_from(before)}}
        return await self._find({"state": state.value, **ending}, [("expires_at", 1), ("_id", 1)], limit)

    async def emptied(self, limit: int) -> Sequence[Approval]:
        """As `Approvals.emptied`."""
        return await self._find({"state": {"$in": _UNFINISHED}, "sealed": None}, [("_id", 1)], limit)

    async def move(self, approval_id: str, transition: Transition, events: Sequence[OutboxEvent]) -> bool:
        """As `Approvals.move`."""
        at = micros_from(transition.at)
        fields: Document = {"state": transition.after.value, "code": transition.code and transition.code.value}
        if transition.by is not None:
            fields |= {"decided_by": transition.by, "decided_at": at}
        if transition.after in FINAL:
            fields |= {"ended_at": at, "touched_at": transition.at, **_EMPTY}
        moved = await run(
            self._approvals.update_one(
                {"_id": approval_id, "state": transition.before.value},
                {"$set": fields, "$push": {"outbox": {"$each": entries_from(events)}}},
            )
        )
        return bool(moved.matched_count)

    async def waiting(self) -> WaitingApprovals:
        """As `Approvals.waiting`."""
        pending = {"state": ApprovalState.PENDING.value}
        count = await run(self._approvals.count_documents(pending))
        oldest = await run(self._approvals.find(pending).sort("requested_at", 1).limit(1).to_list(None))
        return WaitingApprovals(count, instant_from(oldest[0]["requested_at"]) if oldest else None)

    async def _find(self, wanted: Document, order: list[tuple[str, int]], limit: int) -> list[Approval]:
        return [
            _approval_from(each)
            for each in await run(self._approvals.find(wanted).sort(order).limit(limit).to_list(None))
        ]


async def empty_approvals(database: Database, account_id: str, customer_keys: Sequence[str]) -> None:
    """Remove what the requests about a person hold; they then expire."""
    about = {"account_id": account_id, "customer_keys": {"$in": list(customer_keys)}}
    await run(database["approvals"].update_many(about, {"$set": _EMPTY}))


def _document_from(approval: Approval) -> Document:
    fields: Document = asdict(approval)
    times = {name: None if fields[name] is None else micros_from(fields[name]) for name in _TIMES}
    words = {name: fields[name] and fields[name].value for name in ("kind", "state", "code")}
    return {"_id": fields.pop("id"), **fields, **times, **words, "customer_keys": list(approval.customer_keys)}


def _approval_from(document: Document) -> Approval:
    stored: dict[str, Any] = {name: document[name] for name in Approval.__dataclass_fields__ if name != "id"}
    parsed = {
        "kind": ApprovalKind(stored["kind"]),
        "state": ApprovalState(stored["state"]),
        "code": None if stored["code"] is None else ApprovalEnd(stored["code"]),
        "customer_keys": tuple(stored["customer_keys"]),
        **{name: optional_instant_from(stored[name]) for name in _TIMES},
    }
    return Approval(id=document["_id"], **stored | parsed)
