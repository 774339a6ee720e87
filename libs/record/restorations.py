"""`Restoration`: the signed statement that a chain was restored from a backup, and what of the sink it replaces.

The rule: a statement excuses the shipped checkpoints that it names and no others, and only what they cover after `seq`.
What the chain held up to there must still be there.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson

from libs.record.checkpoints import Checkpoint, SignedStatement
from libs.record.keys import PublicKeys

RESTORED: Final = "record.restored"
"""The type of the record whose `details` hold a statement under `statement`."""


@dataclass(frozen=True)
class Restoration(SignedStatement):
    """The chain was restored to `seq`, for `reason`; what was recorded after it is lost."""

    seq: int
    """The last record that a shipped checkpoint confirms; 0: none."""
    head: bytes
    """The hash of that record; the chain's genesis for 0."""
    replaced: tuple[str, ...]
    """The hashes of the last shipped checkpoints of what is lost: each stands for those before it, back to `seq`."""
    reason: str

    def is_valid(self, chain: str, keys: PublicKeys) -> bool:
        """Whether a trusted key made this statement, before its retirement, about this chain."""
        key = keys.get(self.key)
        if key is None or self.chain != chain or not self.is_signed_by(key):
            return False
        return key.retired_at is None or self.at <= key.retired_at

    def excused(self, shipped: Iterable[Checkpoint]) -> set[bytes]:
        """The hashes of the shipped checkpoints that this statement replaces."""
        by_hash = {each.hash: each for each in shipped if each.chain == self.chain and each.last > self.seq}
        found: set[bytes] = set()
        waiting = [bytes.fromhex(each) for each in self.replaced]
        while waiting:
            each = by_hash.get(waiting.pop())
            if each is not None and each.hash not in found:
                found.add(each.hash)
                waiting.append(each.previous)
        return found


@dataclass(frozen=True)
class SignerReset(SignedStatement):
    """The signer lost its memory of what it signed before, and took `chains` chains as the store has them.

    It excuses nothing. Its chain is that of the records without an account.
    """

    replica: str
    reason: str
    chains: int


def stored_restorations_from(details: Iterable[object]) -> tuple[Restoration, ...]:
    """The statements in the `details` of records of type `RESTORED`; without those that cannot be read."""
    found = []
    for text in details:
        with suppress(ValueError, KeyError, TypeError):
            found.append(Restoration.from_json(orjson.loads(str(text))["statement"]))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Loss:
    """What shipped checkpoints of one chain say that its record does not hold: the content of a statement."""

    chain: str
    seq: int
    replaced: tuple[str, ...]


def loss_of(
    chain: str, own: Collection[Checkpoint], shipped: Sequence[Checkpoint], stated: Collection[Restoration] = ()
) -> Loss | None:
    """What the chain with its `own` checkpoints lost, and no valid statement tells yet; None when it lost nothing."""
    kept = {each.hash for each in own}
    known = set[bytes]().union(*(each.excused(shipped) for each in stated))
    lost = [each for each in shipped if each.chain == chain and each.hash not in kept | known]
    if not lost:
        return None
    earlier = {each.previous for each in lost}
    confirmed = [each.last for each in shipped if each.chain == chain and each.hash in kept]
    last = min(each.first for each in lost) - 1
    seq = max((each for each in confirmed if each <= last), default=0)
    return Loss(chain, seq, tuple(sorted(each.hash.hex() for each in lost if each.hash not in earlier)))


def statements_as_json(restorations: Iterable[Restoration]) -> list[dict[str, Any]]:
    """Statements as an export has them."""
    return [each.as_json() for each in restorations]
