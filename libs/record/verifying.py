"""The verifier of one chain: recomputes everything that is kept, in the order of the chain, in constant memory.

The rule: nothing that is read is believed. Records are believed for their hashes, hashes for the signed checkpoints,
checkpoints for the keys and for what was shipped out; keys are the caller's.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from hashlib import sha256

import orjson

from libs.record.canonical import ACCOUNT_ID, FORMAT, Link, account_of, genesis
from libs.record.checkpoints import FIRST_PREVIOUS, NO_KEY, Checkpoint, Purge
from libs.record.diagnosing import WINDOW, Scene, fault_in
from libs.record.faults import Fault, FaultKind, Verdict
from libs.record.keys import Keys
from libs.record.merkle import Tree


class ChainVerifier:
    """Give it a chain's checkpoints (each before the records it covers) and records, then `end` it.

    `claimed` is how many records the chain says it has, `stray` a record that is said to stand in it without a place,
    `shipped` are checkpoints of it that were kept elsewhere. After the first fault, which stays in `fault`, everything
    else is ignored.
    """

    def __init__(
        self,
        chain: str,
        *,
        keys: Keys,
        claimed: int,
        purge: Purge | None = None,
        stray: str | None = None,
        shipped: Iterable[Checkpoint] = (),
    ) -> None:
        self.chain = chain
        self.fault: Fault | None = None
        self.records = self.sealed = self.checkpoints = 0
        self._keys, self._claimed, self._purge, self._stray = keys, claimed, purge, stray
        self._account = account_of(chain)
        self._seq, self._hash = (0, genesis(chain)) if purge is None else (purge.seq, purge.head)
        self._begins = self._seq + 1
        self._before: Link | None = None
        self._tree = Tree()
        self._signed: Checkpoint | None = None
        self._ahead: deque[Checkpoint] = deque()
        self._late: Fault | None = None
        self._odd: list[Link] = []
        self._contradicted: Fault | None = None
        self._shipped = sorted((c for c in shipped if c.chain == chain), key=lambda c: c.last)
        self._abroad = deque(c for c in self._shipped if c.last >= self._begins)
        self._look_at_signatures()
        self._stop = self._next_stop()

    def _look_at_signatures(self) -> None:
        if self._purge is not None:
            self.fault = self._fault_of(self._purge, FaultKind.FORGED_PURGE, self._purge.seq, None)
        for kept in self._shipped:
            self.fault = self.fault or self._fault_of(kept, FaultKind.FORGED_CHECKPOINT, kept.first, kept.number)

    # ------------------------------------------------------------ checkpoints

    def checkpoint(self, given: Checkpoint) -> None:
        """Take the next checkpoint, before any record after its first."""
        if self.fault is not None or self._late is not None:
            return
        self._late = self._against_the_one_before(given) or self._against_what_is_known(given)
        if self._late is None:
            self._signed = given
            self.checkpoints += 1
            if given.last >= self._begins:
                self._ahead.append(given)
        self._stop = self._next_stop()
        self._tell_late()

    def _against_the_one_before(self, given: Checkpoint) -> Fault | None:
        before = self._signed
        number, first, previous = (1, 1, FIRST_PREVIOUS)
        if before is not None:
            number, first, previous = before.number + 1, before.last + 1, before.hash
        if given.chain == self.chain and given.number > number:
            return Fault(FaultKind.REMOVED_CHECKPOINT, self.chain, first, checkpoint=number)
        if fault := self._fault_of(given, FaultKind.FORGED_CHECKPOINT, first, given.number):
            return fault
        if (given.number, given.first, given.previous) != (number, first, previous):
            return Fault(FaultKind.FORGED_CHECKPOINT, self.chain, first, checkpoint=given.number)
        if not given.count == given.last - first + 1 >= 1:
            return Fault(FaultKind.FORGED_CHECKPOINT, self.chain, first, checkpoint=number)
        return None

    def _against_what_is_known(self, given: Checkpoint) -> Fault | None:
        if any(kept.number == given.number and kept.hash != given.hash for kept in self._shipped):
            return Fault(FaultKind.REWRITTEN, self.chain, given.first, checkpoint=given.number)
        if self._purge is not None and given.last == self._purge.seq and given.head != self._purge.head:
            return Fault(FaultKind.FORGED_PURGE, self.chain, given.last, checkpoint=given.number)
        return None

    def _fault_of(self, given: Checkpoint | Purge, kind: FaultKind, seq: int, number: int | None) -> Fault | None:
        """What is wrong with a signature."""
        key = self._keys.get(given.key)
        if key is None and given.key != NO_KEY:
            kind = FaultKind.UNKNOWN_KEY
        elif key is not None and given.chain == self.chain and given.is_signed_by(key):
            if key.retired_at is None or given.at <= key.retired_at:
                return None
            kind = FaultKind.RETIRED_KEY
        return Fault(kind, self.chain, seq, checkpoint=number)

    # ------------------------------------------------------------ records

    def links(self, page: Sequence[Link]) -> None:
        """Take the next records, in the order of their places."""
        if self.fault is not None:
            return
        if self._odd:
            self._look_closer(page)
            return
        if page and self._before is None:
            self._begin_within_purge(page[0])
        for at, link in enumerate(page):
            if not self._fits(link):
                self._look_closer(page[at:])
                return
            if self._contradicted is not None:
                self._fail(self._contradicted)
                return
            self._before, self._seq, self._hash = link, link.seq, link.hash
            self.records += 1
            self._tree.add(link.hash)
            if self._seq == self._stop and not self._goes_on():
                return

    def _fits(self, link: Link) -> bool:
        seq, previous, told, values = link
        if seq != self._seq + 1 or previous != self._hash or values[ACCOUNT_ID] != self._account or seq > self._claimed:
            return False
        try:
            return sha256(b"\x00" + previous + orjson.dumps([FORMAT, seq, *values])).digest() == told
        except TypeError:
            return False

    def _begin_within_purge(self, first: Link) -> None:
        """Records that an interrupted purge left lead up to its head, and are believed for that."""
        if self._purge is not None and type(first.seq) is int and 1 <= first.seq <= self._purge.seq:
            self._seq, self._hash = first.seq - 1, first.previous
            self._stop = self._purge.seq

    def _next_stop(self) -> int:
        """The next place where something is known about the hash."""
        places = [waiting[0].last for waiting in (self._ahead, self._abroad) if waiting]
        if self._late is not None and self._late.seq is not None:
            places.append(self._late.seq - 1)
        return min((place for place in places if place > self._seq), default=-1)

    def _goes_on(self) -> bool:
        """Compare the hash with all that is known about it here."""
        if self._purge is not None and self._seq == self._purge.seq:
            self._leave_purge(self._purge)
        if self._ahead and self._ahead[0].last == self._seq:
            self._seal(self._ahead.popleft())
        if self._abroad and self._abroad[0].last == self._seq:
            kept = self._abroad.popleft()
            if kept.head != self._hash:
                self._fail(Fault(FaultKind.REWRITTEN, self.chain, kept.first, checkpoint=kept.number))
        self._stop = self._next_stop()
        self._tell_late()
        return self.fault is None

    def _seal(self, given: Checkpoint) -> None:
        if self._tree.root() != given.root or self._hash != given.head:
            # The next record tells whether all of them were rewritten, or the last one alone does not fit.
            self._contradicted = Fault(FaultKind.REWRITTEN, self.chain, given.first, checkpoint=given.number)
        self._vouched()

    def _leave_purge(self, purge: Purge) -> None:
        if self._hash != purge.head:
            self._fail(Fault(FaultKind.REWRITTEN, self.chain, purge.seq))
        self._vouched()

    def _vouched(self) -> None:
        self.sealed += self._tree.size
        self._tree = Tree()

    # ------------------------------------------------------------ faults and the end

    def end(self) -> Verdict:
        """There is no more; what was found."""
        if self._odd:
            self._diagnose()
        if self._contradicted is not None:
            self._fail(self._contradicted)
        missing = next((c for c in sorted((*self._ahead, *self._abroad), key=lambda c: c.last)), None)
        if missing is not None or (self._seq < self._claimed and self._late is None):
            number = None if missing is None else missing.number
            self._fail(Fault(FaultKind.TRUNCATED, self.chain, self._seq + 1, checkpoint=number))
        if self._late is not None:
            self._fail(self._late)
        if self._stray is not None:
            self._fail(Fault(FaultKind.INSERTED, self.chain, None, self._stray))
        seen = 0 if self._signed is None else self._signed.number
        for kept in self._shipped:
            if kept.number > seen:
                self._fail(Fault(FaultKind.REMOVED_CHECKPOINT, self.chain, kept.first, checkpoint=kept.number))
        return self.verdict()

    def verdict(self) -> Verdict:
        """What was found so far, of this chain alone."""
        return Verdict(1, self.records, self.sealed, self.checkpoints, self.fault)

    def _tell_late(self) -> None:
        """A checkpoint's fault comes after those of the records before it."""
        if self._late is not None and self._late.seq is not None and self._seq >= self._late.seq - 1:
            self._fail(self._late)

    def _look_closer(self, page: Sequence[Link]) -> None:
        self._odd += page[: WINDOW - len(self._odd)]
        if len(self._odd) >= WINDOW:
            self._diagnose()

    def _diagnose(self) -> None:
        odd = self._odd[0]
        if odd.seq == self._seq + 1 and odd.seq > self._claimed:
            fault = Fault(FaultKind.INSERTED, self.chain, odd.seq, odd.record_id)
        else:
            fault = fault_in(Scene(self.chain, self._seq + 1, self._hash, self._before, self._odd))
        behind = fault.seq is not None and fault.seq > self._seq
        self._fail(self._contradicted if self._contradicted is not None and behind else fault)

    def _fail(self, fault: Fault) -> None:
        if self.fault is None:
            self.fault = fault
