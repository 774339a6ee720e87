"""Cumulative logs made for a case, and the ways in which somebody with the whole database can tamper with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.record.canonical import Link
from libs.record.keys import SigningKey
from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint
from libs.record.log_entries import Part, Span, leaves_of, time_of
from libs.record.log_starts import start_of
from libs.record.log_verifier import LogVerifier
from libs.record.merkle import root_of
from tests.unit.record.chains import KEY, KEYS, NOON, Kept, a_chain

ORIGIN = "gateway.example/log"


@dataclass
class KeptLog:
    """What is kept of a log, and of the chains that it holds."""

    parts: list[Part]
    checkpoints: list[LogCheckpoint] = field(default_factory=list)
    chains: dict[str, list[Link]] = field(default_factory=dict)

    def sign(self, key: SigningKey = KEY, *, origin: str = ORIGIN) -> LogCheckpoint:
        """Sign the whole log."""
        leaves = leaves_of(self.parts)
        made = log_checkpoint(origin, len(leaves), root_of(leaves), key)
        self.checkpoints.append(made)
        return made

    def verified(self, known: Sequence[LogCheckpoint] = ()) -> LogVerifier:
        """Verify it as a reader does: the log first, then every chain."""
        verifier = LogVerifier(ORIGIN, keys=KEYS, checkpoints=[*self.checkpoints, *known])
        verifier.parts(self.parts)
        verifier.end()
        for chain in sorted(self.chains.keys() | verifier.chains.keys()):
            links = self.chains.get(chain, [])
            verifier.links(chain, links)
            verifier.chain_end(chain, links[-1].seq if links else 0)
        return verifier


def span_of(links: Sequence[Link], chain: str) -> Span:
    """The part that holds these records."""
    return Span(chain, links[0].seq, b"".join(link.hash for link in links))


def a_log(sizes: dict[str, int], *, unlogged: int = 0) -> KeptLog:
    """A signed log over chains of these sizes, in two rounds; the last `unlogged` records of each are not in it."""
    chains: dict[str, Kept] = {name: a_chain(size, chain=name) for name, size in sizes.items()}
    heads = [(name, kept.links[-1].seq, kept.links[-1].hash.hex()) for name, kept in chains.items()]
    made = KeptLog([*start_of(heads, at=NOON, key=KEY)], chains={name: kept.links for name, kept in chains.items()})
    for first, last in ((0, 0.5), (0.5, 1)):
        for name, kept in sorted(chains.items()):
            count = len(kept.links) - unlogged
            page = kept.links[int(count * first) : int(count * last)]
            made.parts += [span_of(page, name)] if page else []
        made.parts.append(time_of(NOON + int(last * 10)))
        made.sign()
    return made
