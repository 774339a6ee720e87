"""The operations under `/audit`: verify the audit record, export it, and prove single records.

An export or proof contains records as they are stored, with personal values still encrypted. Every export and proof is
itself recorded.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.contracts.events import RecordExported, RecordRestored
from libs.record.canonical import NO_ACCOUNT_CHAIN, account_of
from libs.record.checkpoints import Checkpoint
from libs.record.exports import chain_line, checkpoint_line, end_line, head_lines, record_lines
from libs.record.faults import VerificationResult
from libs.record.keys import PublicKeys
from libs.record.proofs import proof_from
from libs.store.accounts import Directory
from libs.store.chains import Chains, Checkpoints, Head, read_chain
from libs.store.cumulative_log import StoredLogCheckpoint
from libs.store.verification import verify
from libs.store.verified import Scope, VerifiedPlaces
from services.console.domain.audit import (
    ChainQuery,
    PublicKeysView,
    RecordProofView,
    RestoreRequest,
    RestoreView,
    VerificationView,
)
from services.console.domain.documents import Stream
from services.console.domain.principals import Principal, Role
from services.console.domain.refusals import conflict, invalid, not_found
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Changes
from services.console.handlers.log import Log
from services.console.handlers.verification_results import VerificationResults
from services.console.ports import ReadShippedCheckpoints

log = logger(__name__)
MEDIA_TYPE = "application/x-ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Verifies, exports and proves the audit record."""

    chains: Chains
    checkpoints: Checkpoints
    keys: PublicKeys
    read_shipped: ReadShippedCheckpoints
    directory: Directory
    changes: Changes
    results: VerificationResults
    places: VerifiedPlaces
    log: Log
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def verify(self, call: Call[ChainQuery, None]) -> Answer:
        """Recompute chains and checkpoints; verifications run one at a time.

        When an admin verifies the whole record and it is sound, incremental verifications begin anew: so a restored
        backup is accepted, which ends before the place that they had come to.
        """
        if not self.keys:
            raise conflict("there is no key to verify with: set GATEWAY_SIGNING_KEYS")
        chain = call.principal.scope(call.query.account_id)
        result, shipped = await self.verify_chain(chain)
        if not result.chains and result.ok:
            await self._require_account(chain)
        if result.ok and chain is None and call.principal.role >= Role.ADMIN:
            await self.places.forget()
        return Answer(VerificationView.model_validate(result.as_json() | {"shipped": shipped}))

    async def _require_account(self, chain: str | None) -> None:
        """Refuse an unknown account: an empty record without faults would look like a verified one."""
        if chain not in {None, NO_ACCOUNT_CHAIN} and await self.directory.account(chain or "") is None:
            raise invalid("account_id", "is unknown")

    async def verify_chain(self, chain: str | None) -> tuple[VerificationResult, int]:
        """The result for a chain, or for all, and how many shipped checkpoints it was compared with."""
        async with self._turn:
            started = self.changes.clock()
            shipped = [c for c in await self.read_shipped() if chain in {None, c.chain}]
            result = await verify(self.chains, self.checkpoints, keys=self.keys, only=chain, shipped=shipped)
            if chain is None:
                result = await self.log.added_to(result)
        await self._note(chain, result, started)
        return result, len(shipped)

    async def _note(self, chain: str | None, result: VerificationResult, started: datetime) -> None:
        """Keep the result where the scheduled verifications keep theirs. The caller gets it in any case."""
        try:
            if chain is None:
                await self.results.note_end(Scope.WHOLE, result, started=started)
            elif result.first_fault is not None:
                await self.results.note_fault(Scope.WHOLE, result.first_fault)
        except GatewayError as failure:
            log.warning("the result of a verification is not kept", ok=result.ok, code=failure.code.value)

    async def public_keys(self, _: Call[None, None]) -> Answer:
        """The keys that verify checkpoints; keep a copy outside the gateway, where an attacker cannot replace it."""
        return Answer(PublicKeysView.model_validate({"keys": [key.as_json() for key in self.keys.values()]}))

    async def export(self, call: Call[ChainQuery, None]) -> Stream:
        """Records, checkpoints and keys, as JSON lines."""
        chain = call.principal.scope(call.query.account_id)
        log_checkpoints = await self.log.newest() if chain is None else ()  # before the chains, which go on growing
        heads = await self.chains.heads(chain)
        if not heads:
            await self._require_account(chain)
        await self._record(call.principal, None if chain is None else account_of(chain), "export", None)
        return Stream(self._lines(heads, log_checkpoints), MEDIA_TYPE, f"record-{chain or 'all'}.jsonl")

    async def prove(self, call: Call[None, None]) -> Answer:
        """The proof of one record. Raises GatewayError(conflict) while no checkpoint covers the record."""
        position = await self.chains.position_of(call.ids["record_id"])
        if position is None or not _can_see(call.principal, position[0]):
            raise not_found()
        chain, seq = position
        link = next(iter(await self.chains.links(chain, after=seq - 1, limit=1)), None)
        checkpoint = await self._checkpoint_over(chain, seq)
        if link is None or link.seq != seq or checkpoint is None:
            raise conflict("no checkpoint vouches for it yet; ask again in some minutes")
        pairs = await self.chains.hash_pairs(chain, after=checkpoint.first - 1, limit=checkpoint.count)
        if len(pairs) != checkpoint.count:
            raise conflict("records are missing under its checkpoint: verify the record")
        await self._record(call.principal, account_of(chain), "proof", link.record_id)
        proof = proof_from(link, [own for _, own in pairs], checkpoint)
        logged = await self.log.proof_of(chain, seq, link.hash)
        return Answer(RecordProofView.model_validate(proof | ({} if logged is None else {"log": logged})))

    async def restored(self, call: Call[None, RestoreRequest]) -> Answer:
        """Record that a chain was restored from a backup; audit signs it, with the hash that the store has there."""
        chain = NO_ACCOUNT_CHAIN if call.body.account_id is None else call.body.account_id
        if not _can_see(call.principal, chain):
            raise invalid("account_id", "is unknown")
        head = next(iter(await self.chains.heads(chain)), None)
        if head is None:
            await self._require_account(chain)
        if call.body.up_to > (0 if head is None else head.seq):
            raise invalid("up_to", "is behind the end of the chain")
        event = RecordRestored(
            account_id=call.body.account_id,
            actor=call.principal.actor,
            up_to=call.body.up_to,
            replaced=call.body.replaced,
            reason=call.body.reason,
        )
        await self.changes.record(event)
        return Answer(RestoreView(chain=chain, up_to=event.up_to, replaced=event.replaced, reason=event.reason))

    async def _lines(self, heads: Sequence[Head], log: Sequence[StoredLogCheckpoint]) -> AsyncIterator[bytes]:
        records = sum(head.seq - (0 if head.purge is None else head.purge.seq) for head in heads)
        yield head_lines(self.keys, records=records, at=self.changes.clock().isoformat())
        async for line in self.log.lines(log):
            yield line
        for head in heads:
            yield chain_line(head.chain, head.seq, head.purge, head.stray, head.restorations, tail=head.hash)
            async for step in read_chain(self.chains, self.checkpoints, head):
                yield checkpoint_line(step) if isinstance(step, Checkpoint) else record_lines(step)
        yield end_line(len(heads))

    async def _checkpoint_over(self, chain: str, seq: int) -> Checkpoint | None:
        """The checkpoint that covers a record, found by binary search."""
        head = next(iter(await self.chains.heads(chain)), None)
        low, high = 1, 0 if head is None or head.checkpoint is None else head.checkpoint.number
        while low <= high:
            middle = (low + high) // 2
            found = next(iter(await self.checkpoints.page(chain, after=middle - 1, limit=1)), None)
            if found is None or (found.first <= seq <= found.last):
                return found
            low, high = (middle + 1, high) if found.last < seq else (low, middle - 1)
        return None

    async def _record(self, principal: Principal, account_id: str | None, what: str, record_id: str | None) -> None:
        event = RecordExported(account_id=account_id, actor=principal.actor, what=what, record_id=record_id)
        await self.changes.record(event)


def _can_see(principal: Principal, chain: str) -> bool:
    account_id = account_of(chain)
    return principal.accounts is None if account_id is None else principal.can_see(account_id)
