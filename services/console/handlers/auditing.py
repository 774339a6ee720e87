"""The record's proof: verified, exported, and proven record by record.

The rule: what is handed out is what is kept, unread and unopened; whoever takes a copy or a proof is on record.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from libs.contracts.events import RecordExported
from libs.record.canonical import NOBODY, account_of
from libs.record.checkpoints import Checkpoint
from libs.record.exporting import chain_line, checkpoint_line, end_line, head_lines, record_lines
from libs.record.faults import Verdict
from libs.record.keys import Keys
from libs.record.proofs import proof_from
from libs.store.accounts import Directory
from libs.store.chains import Chains, Checkpoints, Head, walk
from libs.store.outbox import Outbox
from libs.store.verifying import verify
from services.console import metrics
from services.console.domain.auditing import ChainQuery, KeysShown, ProofShown, VerificationShown
from services.console.domain.documents import Stream
from services.console.domain.principals import Principal, conflict, invalid, not_found
from services.console.handlers.calling import Answer, Call
from services.console.handlers.changing import Changes
from services.console.ports import Shipped

MEDIA_TYPE = "application/x-ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The calls under `/audit`."""

    chains: Chains
    checkpoints: Checkpoints
    keys: Keys
    shipped: Shipped
    directory: Directory
    outbox: Outbox
    changes: Changes
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def verify(self, call: Call[ChainQuery, None]) -> Answer:
        """Recompute everything; one verification at a time, the others wait."""
        self._require_keys()
        chain = call.principal.scope(call.query.account_id)
        verdict, shipped = await self.verdict(chain)
        if not verdict.chains and verdict.ok:
            await self._require_account(chain)
        return Answer(VerificationShown.model_validate(verdict.shown() | {"shipped": shipped}))

    async def _require_account(self, chain: str | None) -> None:
        """Refuse an account that there is not: that nothing is wrong with its record would tell nobody anything."""
        if chain not in {None, NOBODY} and await self.directory.account(chain or "") is None:
            raise invalid("account_id", "is unknown")

    async def verdict(self, chain: str | None) -> tuple[Verdict, int]:
        """The verdict on a chain, or on all, and how many shipped checkpoints it was compared with."""
        async with self._turn:
            shipped = [c for c in await self.shipped() if chain in {None, c.chain}]
            verdict = await verify(self.chains, self.checkpoints, keys=self.keys, only=chain, shipped=shipped)
        metrics.VERIFICATIONS.labels("ok" if verdict.ok else "fault").inc()
        metrics.VERIFIED_AT.set(self.changes.clock().timestamp())
        metrics.VERIFIED_RECORDS.set(verdict.records)
        return verdict, len(shipped)

    async def public_keys(self, _: Call[None, None]) -> Answer:
        """The keys to check checkpoints with; keep a copy where whoever has the gateway cannot change it."""
        return Answer(KeysShown.model_validate({"keys": [key.shown() for key in self.keys.values()]}))

    async def export(self, call: Call[ChainQuery, None]) -> Stream:
        """Records, checkpoints and keys, as JSON lines."""
        chain = call.principal.scope(call.query.account_id)
        heads = await self.chains.heads(chain)
        if not heads:
            await self._require_account(chain)
        await self._note(call.principal, None if chain is None else account_of(chain), "export", None)
        return Stream(self._lines(heads), MEDIA_TYPE, f"record-{chain or 'all'}.jsonl")

    async def prove(self, call: Call[None, None]) -> Answer:
        """The proof of one record. Raises GatewayError(conflict) while no checkpoint vouches for it."""
        place = await self.chains.place(call.ids["record_id"])
        if place is None or not _may_see(call.principal, place[0]):
            raise not_found()
        chain, seq = place
        link = next(iter(await self.chains.links(chain, after=seq - 1, limit=1)), None)
        checkpoint = await self._over(chain, seq)
        if link is None or link.seq != seq or checkpoint is None:
            raise conflict("no checkpoint vouches for it yet; ask again in some minutes")
        joints = await self.chains.joints(chain, after=checkpoint.first - 1, limit=checkpoint.count)
        if len(joints) != checkpoint.count:
            raise conflict("records are missing under its checkpoint: verify the record")
        await self._note(call.principal, account_of(chain), "proof", link.record_id)
        return Answer(ProofShown.model_validate(proof_from(link, [own for _, own in joints], checkpoint)))

    async def _lines(self, heads: Sequence[Head]) -> AsyncIterator[bytes]:
        records = sum(head.seq - (0 if head.purge is None else head.purge.seq) for head in heads)
        yield head_lines(self.keys, records=records, at=self.changes.clock().isoformat())
        for head in heads:
            yield chain_line(head.chain, head.seq, head.purge, head.stray)
            async for step in walk(self.chains, self.checkpoints, head):
                yield checkpoint_line(step) if isinstance(step, Checkpoint) else record_lines(step)
        yield end_line(len(heads))

    async def _over(self, chain: str, seq: int) -> Checkpoint | None:
        """The checkpoint that covers a place, found by halving."""
        head = next(iter(await self.chains.heads(chain)), None)
        low, high = 1, 0 if head is None or head.checkpoint is None else head.checkpoint.number
        while low <= high:
            middle = (low + high) // 2
            found = next(iter(await self.checkpoints.page(chain, after=middle - 1, limit=1)), None)
            if found is None or (found.first <= seq <= found.last):
                return found
            low, high = (middle + 1, high) if found.last < seq else (low, middle - 1)
        return None

    async def _note(self, principal: Principal, account_id: str | None, what: str, record_id: str | None) -> None:
        event = RecordExported(account_id=account_id, actor=principal.actor, what=what, record_id=record_id)
        await self.outbox.post([self.changes.posted(event, self.changes.clock())])
        await self.changes.published()

    def _require_keys(self) -> None:
        if not self.keys:
            raise conflict("there is no key to verify with: set GATEWAY_SIGNING_KEYS")


def _may_see(principal: Principal, chain: str) -> bool:
    account_id = account_of(chain)
    return principal.accounts is None if account_id is None else principal.sees(account_id)
