"""Chains made for a case, and the ways in which somebody with the whole database can tamper with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from libs.record.canonical import FIELDS, ID, Link, account_of, genesis, link_hash
from libs.record.chain_verifier import ChainVerifier
from libs.record.checkpoints import Checkpoint, Purge, checkpoint_from, purge_from
from libs.record.faults import VerificationResult
from libs.record.keys import PublicKey, PublicKeys, SigningKey

KEY = SigningKey("k1", bytes(range(32)))
OTHER_KEY = SigningKey("k2", bytes(range(1, 33)))
KEYS: PublicKeys = {key.kid: PublicKey(key.kid, key.public) for key in (KEY, OTHER_KEY)}
NOON = 1_795_435_200_000_000


def values(number: int, *, chain: str = "acc_1", **changes: str) -> list[str | int | None]:
    """A record's values; every number makes another record."""
    told: dict[str, str | int | None] = dict.fromkeys(FIELDS)
    told |= {"id": f"record-{number}", "at": NOON + number, "type": "webhook.answered", "account_id": account_of(chain)}
    told |= {"integration_id": "int_1", "event_id": f"event-{number}", "code": "sent", "details": '{"a":1}'}
    return list((told | changes).values())


@dataclass
class Kept:
    """What a store keeps of one chain, and what it gave away."""

    chain: str
    links: list[Link]
    checkpoints: list[Checkpoint]
    purge: Purge | None = None
    shipped: list[Checkpoint] = field(default_factory=list)
    claimed: int | None = None

    def verified(self, keys: PublicKeys = KEYS, *, page: int = 7) -> VerificationResult:
        """Verify it as a reader does: checkpoints first, records in pages."""
        claimed = max((link.seq for link in self.links), default=0) if self.claimed is None else self.claimed
        verifier = ChainVerifier(self.chain, keys=keys, claimed=claimed, purge=self.purge, shipped=self.shipped)
        for checkpoint in self.checkpoints:
            verifier.checkpoint(checkpoint)
        for start in range(0, len(self.links), page):
            verifier.links(self.links[start : start + page])
        return verifier.end()


def a_chain(size: int, *, every: int = 5, checkpointed: int | None = None, chain: str = "acc_1") -> Kept:
    """A sound chain of `size` records, the first `checkpointed` of them (all, unless told) under checkpoints."""
    links: list[Link] = []
    previous = genesis(chain)
    for seq in range(1, size + 1):
        told = values(seq, chain=chain)
        links.append(Link(seq, previous, link_hash(previous, seq, told), told))
        previous = links[-1].hash
    kept = Kept(chain, links, [])
    upto = size if checkpointed is None else checkpointed
    for start in range(0, upto, every):
        seal(kept, links[start : min(start + every, upto)])
    kept.claimed = size
    return kept


def seal(kept: Kept, links: Sequence[Link], *, key: SigningKey = KEY) -> None:
    """Add the checkpoint over these records."""
    before = kept.checkpoints[-1] if kept.checkpoints else None
    at = NOON + 1000 * (len(kept.checkpoints) + 1)
    made = checkpoint_from(kept.chain, [link.hash for link in links], before=before, at=at, key=key)
    kept.checkpoints.append(made)


def purged(kept: Kept, number: int, *, left: int = 0) -> Kept:
    """Purge up to a checkpoint; `left` records of it were not deleted yet."""
    checkpoint = kept.checkpoints[number - 1]
    purge = purge_from(checkpoint, at=kept.checkpoints[-1].at, key=KEY)
    return replace(kept, purge=purge, links=[link for link in kept.links if link.seq > checkpoint.last - left])


def altered(link: Link, **changes: str) -> Link:
    """A record whose content says something else; its hash is as it was."""
    told = list(link.values)
    told[FIELDS.index("code")] = changes.get("code", "blocked")
    return link._replace(values=told)


def rehashed(link: Link) -> Link:
    """A record with the hash of what it says now."""
    return link._replace(hash=link_hash(link.previous, link.seq, link.values))


def rewritten_from(links: Sequence[Link]) -> list[Link]:
    """All these records chained anew behind the first one's predecessor."""
    previous, found = links[0].previous, []
    for link in links:
        found.append(Link(link.seq, previous, link_hash(previous, link.seq, link.values), link.values))
        previous = found[-1].hash
    return found


def renumbered(links: Sequence[Link], first: int) -> list[Link]:
    """The same records at places without a gap, from `first` on."""
    return [link._replace(seq=seq) for seq, link in enumerate(links, start=first)]


def named(link: Link, record_id: str) -> Link:
    """The record under another id."""
    told = list(link.values)
    told[ID] = record_id
    return link._replace(values=told)
