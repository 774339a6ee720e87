"""`ExtendsMemory`: whether a chain, as the store has it, extends what this signer signed before.

The rule: the store is not believed. What the memory holds must still be in the chain, and the newest checkpoint must be
signed by a trusted key. A restore is believed when a valid statement tells it that was made after the memory.
"""

from dataclasses import dataclass

from libs.record.canonical import genesis
from libs.record.checkpoints import Checkpoint, Purge
from libs.record.keys import PublicKeys
from libs.store.chains import Chains, Head
from services.audit.ports import Remembered, SignerMemory

CHAIN = "chain:"
"""What the names of chains begin with in the memory."""


@dataclass(frozen=True, slots=True)
class ExtendsMemory:
    """Asks the memory of this replica, and the store when another replica signed since."""

    chains: Chains
    memory: SignerMemory
    keys: PublicKeys

    async def __call__(self, head: Head) -> str | None:
        """Why the chain must not be signed; None when it extends what is remembered."""
        known, newest = await self.memory.remembered(CHAIN + head.chain), head.checkpoint
        if newest is not None and not self._is_trusted(newest):
            return "its newest checkpoint has no valid signature"
        if known is not None and newest is not None and (newest.last, newest.head) == (known.position, known.hash):
            return None
        if known is None or await self._is_restored(head, known):
            return None
        if newest is None or newest.last < known.position:
            return "checkpoints that were signed are missing"
        return None if await self._has(head, known) else "records that were signed were changed"

    async def signed(self, checkpoint: Checkpoint) -> None:
        """Remember a checkpoint that was signed and stored."""
        await self.memory.write(CHAIN + checkpoint.chain, checkpoint.last, checkpoint.head)

    async def _has(self, head: Head, known: Remembered) -> bool:
        """Whether the record that was signed last is still there, or was purged."""
        if head.purge is not None and head.purge.seq >= known.position and self._is_trusted(head.purge):
            return True
        return await self._hash_at(head.chain, known.position) == known.hash

    async def _is_restored(self, head: Head, known: Remembered) -> bool:
        """Whether a valid statement that was made after the memory says that the chain was restored to before it."""
        for stated in head.restorations:
            told = stated.is_valid(head.chain, self.keys) and stated.at > known.at and stated.seq <= known.position
            if told and await self._hash_at(head.chain, stated.seq) == stated.head:
                return True
        return False

    async def _hash_at(self, chain: str, seq: int) -> bytes | None:
        if seq == 0:
            return genesis(chain)
        pairs = await self.chains.links_at(chain, [seq])
        return pairs[0].hash if len(pairs) == 1 else None

    def _is_trusted(self, signed: Checkpoint | Purge) -> bool:
        key = self.keys.get(signed.key)
        if key is None or not signed.is_signed_by(key):
            return False
        return key.retired_at is None or signed.at <= key.retired_at
