"""The cumulative log in the operators' API: its newest checkpoint, consistency proofs, and its part of exports.

It holds hashes and chain names alone, which whoever sees the whole record may read.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from libs.chassis.telemetry import logger
from libs.record.faults import VerificationResult
from libs.record.keys import PublicKeys
from libs.record.log_checkpoints import log_keys
from libs.record.log_exports import log_checkpoint_line, log_line
from libs.record.log_verifier import findings_of
from libs.store.cumulative_log import LogBatches, LogCheckpoints, StoredLogCheckpoint
from libs.store.log_proofs import LogProofs, NoProof, cosigned
from libs.store.log_verification import BATCHES, LogReader, Pause
from libs.store.verified import VerifiedLog
from services.console.domain.log import ConsistencyQuery, ConsistencyView, LogView
from services.console.domain.refusals import conflict, not_found
from services.console.handlers.calls import Answer, Call
from services.console.ports import ReadShippedLog

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Shows, proves and verifies the cumulative log."""

    batches: LogBatches
    checkpoints: LogCheckpoints
    proofs: LogProofs
    reader: LogReader
    keys: PublicKeys
    read_shipped: ReadShippedLog
    verified_log: VerifiedLog

    async def show(self, call: Call[None, None]) -> Answer:
        """The newest checkpoint with its cosignatures, and the keys that verify it. A conflict before the first one."""
        _require_all(call)
        try:
            checkpoint, stored = await self.proofs.newest()
        except NoProof as problem:
            raise conflict(str(problem)) from None
        return Answer(
            LogView(
                origin=checkpoint.origin,
                size=checkpoint.size,
                at=stored.at,
                checkpoint=str(checkpoint.note),
                vkeys=tuple(key.vkey for key in log_keys(checkpoint.origin, self.keys)),
                witnesses=tuple(sorted(stored.cosignatures)),
                timestamp=None if stored.timestamp is None else stored.timestamp.hex(),
            )
        )

    async def consistency(self, call: Call[ConsistencyQuery, None]) -> Answer:
        """The proof that the newest checkpoint's tree extends an older one."""
        _require_all(call)
        try:
            checkpoint, _ = await self.proofs.newest()
            path = await self.proofs.consistency(call.query.old, checkpoint.size)
        except NoProof as problem:
            raise conflict(str(problem)) from None
        return Answer(
            ConsistencyView(
                old=call.query.old,
                size=checkpoint.size,
                path=tuple(step.hex() for step in path),
                checkpoint=str(checkpoint.note),
            )
        )

    async def proof_of(self, chain: str, seq: int, hash_: bytes) -> dict[str, Any] | None:
        """The proof that a record is in the log; None when it is not yet."""
        try:
            return await self.proofs.inclusion(chain, seq, hash_)
        except NoProof as problem:
            log.info("no proof of the log", problem=str(problem))
            return None

    async def newest(self) -> Sequence[StoredLogCheckpoint]:
        """What an export has of the log, to be read before chains: the newest checkpoint and the newest cosigned."""
        newest = await self.checkpoints.newest()
        found = {each.size: each for each in (await self.checkpoints.newest(cosigned=True), newest) if each}
        return [found[size] for size in sorted(found)]

    async def lines(self, stored: Sequence[StoredLogCheckpoint]) -> AsyncIterator[bytes]:
        """The log's lines of an export: these checkpoints, then all entries up to the newest one."""
        for each in stored:
            yield log_checkpoint_line(each.size, str(cosigned(each).note), each.timestamp)
        start, end = 0, max((each.size for each in stored), default=0)
        while start < end and (page := await self.batches.page(start, limit=BATCHES)):
            for batch in page:
                if batch.start < end:
                    yield log_line(batch.start, batch.parts)
            start = page[-1].end

    async def verified(self, pause: Pause | None = None) -> VerificationResult:
        """The log, compared with every chain and with the shipped checkpoints, as a result of no chain."""
        reader = self.reader if pause is None else replace(self.reader, pause=pause)
        verifier = await reader.verified(await self.read_shipped())
        if verifier is None:
            return VerificationResult(0, 0, 0, 0, None)
        ends = {end.chain: end.seq for end in await reader.chains.ends()}
        return VerificationResult(0, 0, 0, 0, verifier.fault, log=findings_of(verifier, ends))

    async def verified_on(self, pause: Pause) -> VerificationResult:
        """What the log grew by since the last call, compared with the chains, as a result of no chain."""
        reader, start = replace(self.reader, pause=pause), await self.verified_log.position()
        fault, position = await reader.grown(start)
        if fault is not None:  # once more: what was met in motion is no fault
            fault, position = await reader.grown(start)
        if position is not None and position != start:
            await self.verified_log.move(position)
        return VerificationResult(0, 0, 0, 0, fault)

    async def added_to(self, result: VerificationResult) -> VerificationResult:
        """A result of all chains with that of the log."""
        own = await self.verified()
        return replace(result, log=own.log, first_fault=result.first_fault or own.first_fault)


def _require_all(call: Call[Any, None]) -> None:
    """The log names every account: refuse a token that is limited to some."""
    if call.principal.accounts is not None:
        raise not_found()
