"""`LogVerifier`: recomputes the cumulative log's tree, and compares it with checkpoints and with every chain.

The rule: nothing that is read is trusted. Entries are checked against signed checkpoints, records against entries. It
keeps the 32 bytes of each record's hash, so that a difference is named with its `seq`; from a verified position on,
those of the records behind it.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from libs.record.canonical import Link
from libs.record.checkpoints import Purge
from libs.record.faults import Fault, FaultKind
from libs.record.keys import PublicKeys
from libs.record.log_checkpoints import LogCheckpoint, log_keys, retired_log_keys
from libs.record.log_entries import HASH, PURGE, RESTORATION, START, TIME, Part, Span, Statement
from libs.record.log_starts import LogStart
from libs.record.logged_chains import LoggedChain, LogPosition, Place
from libs.record.merkle import Tree
from libs.record.restorations import Restoration

LOG: Final = "log"
"""What a fault of the log names in place of a chain."""


class LogVerifier:
    """Takes the log's parts in order, then `end`, then the links of each chain. `fault` is the first fault.

    `checkpoints` are all that are known, from anywhere: each must be a root of this tree, signed by a trusted key.
    Those of other origins are ignored: a witness may keep several logs. With `start`, only what follows is given.
    """

    def __init__(
        self,
        origin: str,
        *,
        keys: PublicKeys,
        checkpoints: Iterable[LogCheckpoint] = (),
        start: LogPosition | None = None,
    ) -> None:
        self.origin = origin
        self.fault: Fault | None = None
        self.chains = {} if start is None else {name: LoggedChain(last) for name, last in start.chains.items()}
        self.signed = 0
        """The size of the largest checkpoint that this tree has."""
        self.at = None if start is None else start.at
        """The time in the last `time` entry, in microseconds since 1970."""
        self._keys, self._log_keys, self._retired = keys, log_keys(origin, keys), retired_log_keys(origin, keys)
        self._tree = Tree() if start is None else start.tree()
        self._ahead = sorted((c for c in checkpoints if c.origin == origin), key=lambda c: -c.size)
        self._used = set() if start is None else set(start.used)
        self._shipped: list[tuple[Fault, int]] = []
        self._starts = self._parts = int(start is not None)
        if start is not None:
            self._check_size()

    @property
    def size(self) -> int:
        """The number of entries so far."""
        return self._tree.size

    @property
    def position(self) -> LogPosition:
        """What it has verified so far."""
        lasts = {name: logged.last for name, logged in self.chains.items()}
        return LogPosition(
            size=self.size, subtrees=self._tree.subtrees, at=self.at, chains=lasts, used=tuple(sorted(self._used))
        )

    def parts(self, parts: Sequence[Part]) -> None:
        """Take the next entries."""
        for part in parts:
            if self.fault is not None:
                return
            problem = self._span(part) if isinstance(part, Span) else self._statement(part)
            if problem is not None:
                self._fail(problem, part.chain if isinstance(part, Span) else LOG)
                return
            self._add(part.leaves())

    def _add(self, leaves: Sequence[bytes]) -> None:
        """Add leaves; stop at each size that a checkpoint names."""
        at = 0
        while at < len(leaves):
            step = max(1, self._ahead[-1].size - self.size) if self._ahead else len(leaves)
            self._tree.extend(leaves[at : at + step])
            at += step
            self._check_size()

    def _span(self, span: Span) -> FaultKind | None:
        if not self._started:
            return FaultKind.LOG_REWRITTEN
        logged = self.chains.setdefault(span.chain, LoggedChain())
        if span.first != logged.last + 1:
            return FaultKind.LOG_GAP
        logged.hashes += span.hashes
        return None

    @property
    def _started(self) -> bool:
        return self._starts > 0 and self._parts == self._starts

    def _statement(self, statement: Statement) -> FaultKind | None:
        try:
            fields = statement.fields
            if fields["kind"] == START:
                return self._start(LogStart.from_fields(fields))
            if not self._started:
                return FaultKind.LOG_REWRITTEN
            if fields["kind"] == TIME:
                return self._time(fields["at"])
            if fields["kind"] == PURGE:
                return self._purge(Purge.from_json(fields["statement"]))
            if fields["kind"] == RESTORATION:
                return self._restoration(Restoration.from_json(fields["statement"]), statement)
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        return FaultKind.LOG_REWRITTEN

    def _start(self, start: LogStart) -> FaultKind | None:
        follows = start.part == self._starts + 1 == self.size + 1 and start.part <= start.parts
        if not follows or (self._starts and start.parts != self._parts) or not start.is_valid(self._keys):
            return FaultKind.FORGED_LOG
        self._starts, self._parts = start.part, start.parts
        return None

    def _time(self, at: object) -> FaultKind | None:
        if type(at) is not int or (self.at is not None and at < self.at):
            return FaultKind.LOG_REWRITTEN
        self.at = at
        return None

    def _purge(self, purge: Purge) -> FaultKind | None:
        key = self._keys.get(purge.key)
        logged = self.chains.setdefault(purge.chain, LoggedChain())
        if key is None or not purge.is_signed_by(key) or purge.seq <= logged.last:
            return FaultKind.FORGED_LOG
        logged.base, logged.hashes = purge.seq, bytearray()
        return None

    def _restoration(self, restoration: Restoration, statement: Statement) -> FaultKind | None:
        digest = sha256(statement.text.encode()).hexdigest()
        logged = self.chains.get(restoration.chain)
        if logged is None or digest in self._used or not restoration.is_valid(restoration.chain, self._keys):
            return FaultKind.FORGED_LOG
        self._used.add(digest)
        kept = logged.hash_at(restoration.seq)
        if restoration.seq > logged.last or (kept is not None and kept != restoration.head):
            return FaultKind.FORGED_LOG
        if restoration.seq <= logged.base:
            logged.base, logged.hashes = restoration.seq, bytearray()
        else:
            del logged.hashes[(restoration.seq - logged.base) * HASH :]
        return None

    def _check_size(self) -> None:
        while self._ahead and self._ahead[-1].size <= self.size:
            self._check(self._ahead.pop())

    def _check(self, given: LogCheckpoint) -> None:
        if not given.is_signed_by_any(self._log_keys):
            self._fail(FaultKind.FORGED_LOG, LOG)
        elif given.size != self.size or given.root != self._tree.root():
            self._contradicted(given, FaultKind.LOG_REWRITTEN, self.size)
        elif self.at is not None and self._is_late(given, self.at):
            self._fail(FaultKind.RETIRED_KEY, LOG)
        else:
            self.signed = self.size

    def _is_late(self, given: LogCheckpoint, at: int) -> bool:
        signers = {each.raw[:4] for each in given.note.signatures if each.name == self.origin}
        return bool(signers) and all(at > self._retired.get(signer, at) for signer in signers)

    def end(self) -> None:
        """Finish the log: no checkpoint may know more of it."""
        for each in self._ahead:
            if each.is_signed_by_any(self._log_keys):
                self._contradicted(each, FaultKind.LOG_TRUNCATED, self.size + 1)
            else:
                self._fail(FaultKind.FORGED_LOG, LOG)

    def judge_shipped(self, restored_at: int | None) -> None:
        """Name the first shipped checkpoint that this is not the log of, unless the record was restored after it.

        `restored_at` is the time of the newest valid restoration of any chain: the store that was restored then held an
        older log, so what was shipped before contradicts it.
        """
        for fault, at in self._shipped:
            if self.fault is None and (restored_at is None or at > restored_at):
                self.fault = fault

    def _contradicted(self, given: LogCheckpoint, kind: FaultKind, seq: int) -> None:
        if given.shipped_at is None:
            self._fail(kind, LOG, seq)
        else:
            self._shipped.append((Fault(kind, LOG, seq), given.shipped_at))

    def links(self, chain: str, links: Sequence[Link]) -> None:
        """Compare the records of a chain with the log; call it after `end`, page by page."""
        at = self.differing(chain, [(link.seq, link.hash) for link in links])
        if at is not None:
            self.contradicted(chain, links[at].seq, links[at].record_id)

    def differing(self, chain: str, places: Sequence[Place]) -> int | None:
        """The index of the first record, by `seq` and hash, that is not the log's; None: there is none, or a fault."""
        logged = self.chains.get(chain)
        return None if self.fault is not None or logged is None else logged.differing(places)

    def contradicted(self, chain: str, seq: int | None, record_id: str | None) -> None:
        """Note that a record is not the log's."""
        self._fail(FaultKind.LOG_CONTRADICTED, chain, seq, record_id)

    def chain_end(self, chain: str, seq: int) -> None:
        """Finish a chain that ends with `seq`: the log may not know more of it."""
        logged = self.chains.get(chain)
        if logged is not None and logged.last > seq:
            self._fail(FaultKind.LOG_CONTRADICTED, chain, seq + 1)

    def waiting(self, ends: Mapping[str, int]) -> int:
        """How many of the records of chains with these ends are not in the log yet."""
        return sum(
            max(0, seq - (self.chains[chain].last if chain in self.chains else 0)) for chain, seq in ends.items()
        )

    def _fail(self, kind: FaultKind, chain: str, seq: int | None = None, record_id: str | None = None) -> None:
        if self.fault is None:
            self.fault = Fault(kind, chain, self.size if seq is None and chain == LOG else seq, record_id)


def findings_of(verifier: LogVerifier, ends: Mapping[str, int]) -> dict[str, str | int | None]:
    """What a verification reports of the log; `ends` are the last `seq` of all chains."""
    return {
        "origin": verifier.origin,
        "entries": verifier.size,
        "signed": verifier.signed,
        "at": verifier.at,
        "unlogged": verifier.waiting(ends),
    }
