"""`SignRestoration`: signs what `record.restored` says, so that `verify` accepts what the sink has and the record lost.

The rule: audit signs what its own store holds at the position. The hash in the statement is never the event's.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from libs.chassis.telemetry import logger
from libs.contracts.events import RecordRestored, RecordSignerReset
from libs.record.canonical import NO_ACCOUNT_CHAIN, chain_of, genesis
from libs.record.keys import SigningKey
from libs.record.restorations import Restoration, SignerReset
from libs.store.chains import Chains
from libs.store.instants import micros_from
from libs.store.records import Record
from services.audit.domain.values import without_numbers

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class SignRestoration:
    """Adds the signed statement to the record of `record.restored`. Safe to repeat: the same event, the same bytes."""

    chains: Chains
    key: SigningKey = field(repr=False)

    def reset(self, event: RecordSignerReset, at: datetime, line: Record) -> Record:
        """The record of a lost memory, with the signed statement. Safe to repeat."""
        unsigned = SignerReset(
            chain=NO_ACCOUNT_CHAIN,
            at=micros_from(at),
            key=self.key.kid,
            signature=b"",
            replica=event.replica,
            reason=event.reason,
            chains=event.chains,
        )
        return replace(line, details={**line.details, "statement": unsigned.signed_with(self.key).as_json()})

    async def __call__(self, event: RecordRestored, at: datetime, line: Record) -> Record:
        """The record with the statement; as it is when the chain has no record at the position."""
        chain = chain_of(event.account_id)
        head = await self._hash_at(chain, event.up_to)
        if head is None:
            log.warning("restoration not signed: the chain has no record at its position", up_to=event.up_to)
            return line
        unsigned = Restoration(
            chain=chain,
            at=micros_from(at),
            key=self.key.kid,
            signature=b"",
            seq=event.up_to,
            head=head,
            replaced=event.replaced,
            reason=without_numbers(event.reason),
        )
        details: dict[str, Any] = {**line.details, "statement": unsigned.signed_with(self.key).as_json()}
        return replace(line, details=details)

    async def _hash_at(self, chain: str, seq: int) -> bytes | None:
        if seq == 0:
            return genesis(chain)
        link = next(iter(await self.chains.links(chain, after=seq - 1, limit=1)), None)
        return link.hash if link is not None and link.seq == seq else None
