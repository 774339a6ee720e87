"""`ChainVerifier`: recomputes one chain's hashes, trees and signatures, in the chain's order and in constant memory.

The rule: nothing that is read is trusted. Records are checked against hashes, hashes against signed checkpoints, and
checkpoints against trusted keys and shipped checkpoints. The caller provides the keys.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from hashlib import sha256

import orjson

from libs.record.canonical import (
    ACCOUNT_ID,
    DETAILS,
    RECORDED_AT,
    Link,
    Values,
    account_of,
    are_types,
    form_of,
    genesis,
)
from libs.record.checkpoints import FIRST_PREVIOUS, NO_KEY, Checkpoint, Purge
from libs.record.diagnosis import WINDOW, Mismatch, fault_in, is_authentic
from libs.record.faults import Fault, FaultKind, VerificationResult
from libs.record.keys import PublicKeys
from libs.record.merkle import Tree
from libs.record.restorations import Restoration

_NO_BOUND = 2**63
_BACKDATED = '"backdated":true'


def _is_backdated(details: object) -> bool:
    """Whether audit flagged a record with these details: the first look spares the parser."""
    if not isinstance(details, str) or _BACKDATED not in details:
        return False
    try:
        found = orjson.loads(details)
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("backdated") is True


class ChainVerifier:
    """Takes a chain's checkpoints (each before the records that it covers) and records, then `end`.

    `claimed` is the number of records that the chain claims to have and `tail` the hash that it claims for the last
    one, None when it claims none; `stray` is the id of a record without a `seq`, and
    `shipped` are the chain's checkpoints in another system, of which valid
    `restorations` replace some. With `start`, a checkpoint that was verified before, only
    what follows it is given. `fault` is the first fault; input after it is ignored.
    """

    def __init__(
        self,
        chain: str,
        *,
        keys: PublicKeys,
        claimed: int,
        purge: Purge | None = None,
        stray: str | None = None,
        shipped: Iterable[Checkpoint] = (),
        start: Checkpoint | None = None,
        restorations: Iterable[Restoration] = (),
        tail: bytes | None = None,
    ) -> None:
        self.chain = chain
        self.fault: Fault | None = None
        self.records = self.checkpointed = self.checkpoints = self.backdated = 0
        self._tail, self._newest_recorded = tail, 0
        self._keys, self._claimed, self._purge, self._stray = keys, claimed, purge, stray
        self._account = account_of(chain)
        self._bound = claimed if start is None or start.last <= claimed else _NO_BOUND
        self._seq, self._hash = (0, genesis(chain)) if start is None else (start.last, start.head)
        if purge is not None and purge.seq >= self._seq:
            self._seq, self._hash = purge.seq, purge.head
        self._begins = self._seq + 1
        self._before: Link | None = None
        self._tree = Tree()
        self._signed = start
        self._ahead: deque[Checkpoint] = deque()
        self._late: Fault | None = None
        self._mismatched: list[Link] = []
        self._fits_later, self._later = False, 0
        self._contradicted: Fault | None = None
        self._shipped = sorted((c for c in shipped if c.chain == chain), key=lambda c: c.last)
        self._verify_shipped_signatures()
        self.restorations = self._excuse(restorations)
        self._restored_ahead = deque(sorted((r for r in self.restorations if r.seq > self._seq), key=lambda r: r.seq))
        self._shipped_ahead = deque(c for c in self._shipped if c.last >= self._begins)
        self._verify_signatures()
        self._stop = self._next_stop()

    def _verify_signatures(self) -> None:
        if self._purge is not None:
            fault = self._signature_fault(self._purge, FaultKind.FORGED_PURGE, self._purge.seq, None)
            self.fault = self.fault or fault
        if self._signed is not None:
            start = self._signed
            fault = self._signature_fault(start, FaultKind.FORGED_CHECKPOINT, start.first, start.number)
            self.fault = self.fault or fault

    def _verify_shipped_signatures(self) -> None:
        for kept in self._shipped:
            self.fault = self.fault or self._signature_fault(kept, FaultKind.FORGED_CHECKPOINT, kept.first, kept.number)

    def _excuse(self, restorations: Iterable[Restoration]) -> tuple[Restoration, ...]:
        """Leave out the shipped checkpoints that valid statements replace; returns the statements that replace some."""
        used = []
        for stated in restorations:
            excused = stated.excused(self._shipped) if stated.is_valid(self.chain, self._keys) else set()
            if excused and not self._is_backdated(stated, excused):
                used.append((stated, excused))
        replaced = set[bytes]().union(*(excused for _, excused in used))
        self._shipped = [kept for kept in self._shipped if kept.hash not in replaced]
        return tuple(stated for stated, _ in used)

    def _is_backdated(self, stated: Restoration, excused: set[bytes]) -> bool:
        """Whether a retired key stated a restoration before what it replaces was signed: its holder chose the time."""
        if self._keys[stated.key].retired_at is None:
            return False
        return any(kept.at > stated.at for kept in self._shipped if kept.hash in excused)

    @property
    def position(self) -> tuple[int, int, bytes]:
        """The number of the last checkpoint (0: none), and the `seq` and hash of the last record, so far."""
        return 0 if self._signed is None else self._signed.number, self._seq, self._hash

    def checkpoint(self, given: Checkpoint) -> None:
        """Take the next checkpoint, before the records that it covers."""
        if self.fault is not None or self._late is not None or self._mismatched:
            return
        self._late = self._fault_against_previous(given) or self._fault_against_shipped(given)
        if self._late is None:
            self._signed = given
            self.checkpoints += 1
            if given.last > self._claimed:  # the claim is wrong: no record is blamed for it
                self._bound = _NO_BOUND
            if given.last >= self._begins:
                self._ahead.append(given)
        self._stop = self._next_stop()
        self._report_late()

    def _fault_against_previous(self, given: Checkpoint) -> Fault | None:
        before = self._signed
        number, first, previous, earliest = (1, 1, FIRST_PREVIOUS, 0)
        if before is not None:
            number, first, previous, earliest = before.number + 1, before.last + 1, before.hash, before.at
        if given.chain == self.chain and given.number > number:
            return Fault(FaultKind.REMOVED_CHECKPOINT, self.chain, first, checkpoint=number)
        if fault := self._signature_fault(given, FaultKind.FORGED_CHECKPOINT, first, given.number):
            return fault
        if (given.number, given.first, given.previous) != (number, first, previous):
            return Fault(FaultKind.FORGED_CHECKPOINT, self.chain, first, checkpoint=given.number)
        if not given.count == given.last - first + 1 >= 1 or given.at < earliest:
            return Fault(FaultKind.FORGED_CHECKPOINT, self.chain, first, checkpoint=number)
        return None

    def _fault_against_shipped(self, given: Checkpoint) -> Fault | None:
        if any(kept.number == given.number and kept.hash != given.hash for kept in self._shipped):
            return Fault(FaultKind.REWRITTEN, self.chain, given.first, checkpoint=given.number)
        purge = self._purge
        if purge is not None and given.last == purge.seq and (given.head != purge.head or purge.at < given.at):
            return Fault(FaultKind.FORGED_PURGE, self.chain, given.last, checkpoint=given.number)
        return None

    def _signature_fault(
        self, given: Checkpoint | Purge, kind: FaultKind, seq: int, number: int | None
    ) -> Fault | None:
        """The fault of a signature; None when it is valid."""
        key = self._keys.get(given.key)
        if key is None and given.key != NO_KEY:
            kind = FaultKind.UNKNOWN_KEY
        elif key is not None and given.chain == self.chain and given.is_signed_by(key):
            if key.retired_at is None or given.at <= key.retired_at:
                return None
            kind = FaultKind.RETIRED_KEY
        return Fault(kind, self.chain, seq, checkpoint=number)

    def links(self, page: Sequence[Link]) -> None:
        """Take the next records, in the order of their positions."""
        if self.fault is not None:
            return
        if self._mismatched:
            self._collect_mismatch(page)
            return
        if page and self._before is None:
            self._start_within_purge(page[0])
        for at, link in enumerate(page):
            if not self._fits(link):
                self._collect_mismatch(page[at:])
                return
            if self._contradicted is not None:
                self._fail(self._contradicted)
                return
            self._before, self._seq, self._hash = link, link.seq, link.hash
            self.records += 1
            self._note(link.values)
            self._tree.add(link.hash)
            if self._seq == self._stop and not self._check_stop():
                return

    def _fits(self, link: Link) -> bool:
        seq, previous, hash_, values = link
        if seq != self._seq + 1 or previous != self._hash or values[ACCOUNT_ID] != self._account or seq > self._bound:
            return False
        if type(seq) is not int or not are_types(tuple(map(type, values))):
            return False
        try:
            return sha256(b"\x00" + previous + orjson.dumps(form_of(seq, values))).digest() == hash_
        except TypeError:
            return False

    def _note(self, values: Values) -> None:
        """Note what the checkpoint's key is judged by, and whether audit flagged the record."""
        recorded = values[RECORDED_AT]
        if type(recorded) is int and recorded > self._newest_recorded:
            self._newest_recorded = recorded
        self.backdated += _is_backdated(values[DETAILS])

    def _start_within_purge(self, first: Link) -> None:
        """Start at the first record that an interrupted purge left; its successors must lead to the purge's head."""
        if self._purge is not None and type(first.seq) is int and 1 <= first.seq <= self._purge.seq:
            self._seq, self._hash = first.seq - 1, first.previous
            self._stop = self._purge.seq

    def _next_stop(self) -> int:
        """The next position at which the hash can be compared with a checkpoint or a purge."""
        positions = [waiting[0].last for waiting in (self._ahead, self._shipped_ahead) if waiting]
        positions += [stated.seq for stated in self._restored_ahead]
        if self._late is not None and self._late.seq is not None:
            positions.append(self._late.seq - 1)
        return min((position for position in positions if position > self._seq), default=-1)

    def _check_stop(self) -> bool:
        """Compare the hash with the purge and the checkpoints that end here; False after a fault."""
        if self._purge is not None and self._seq == self._purge.seq:
            self._finish_purge(self._purge)
        if self._ahead and self._ahead[0].last == self._seq:
            self._check_root(self._ahead.popleft())
        while self._restored_ahead and self._restored_ahead[0].seq == self._seq:
            if self._restored_ahead.popleft().head != self._hash:
                self._fail(Fault(FaultKind.REWRITTEN, self.chain, self._seq))
        if self._shipped_ahead and self._shipped_ahead[0].last == self._seq:
            kept = self._shipped_ahead.popleft()
            if kept.head != self._hash:
                self._fail(Fault(FaultKind.REWRITTEN, self.chain, kept.first, checkpoint=kept.number))
        self._stop = self._next_stop()
        self._report_late()
        return self.fault is None

    def _check_root(self, given: Checkpoint) -> None:
        if self._tree.root() != given.root or self._hash != given.head:
            # The next record shows whether all of these records were rewritten, or only the last one does not fit.
            self._contradicted = Fault(FaultKind.REWRITTEN, self.chain, given.first, checkpoint=given.number)
        else:
            retired_at = self._keys[given.key].retired_at
            if retired_at is not None and self._newest_recorded > retired_at:  # its holder chose the checkpoint's time
                self._fail(Fault(FaultKind.RETIRED_KEY, self.chain, given.first, checkpoint=given.number))
        self._newest_recorded = 0
        self._count_checkpointed()

    def _finish_purge(self, purge: Purge) -> None:
        if self._hash != purge.head:
            self._fail(Fault(FaultKind.REWRITTEN, self.chain, purge.seq))
        self._count_checkpointed()

    def _count_checkpointed(self) -> None:
        self.checkpointed += self._tree.size
        self._tree = Tree()

    def end(self) -> VerificationResult:
        """Finish the verification after the last record; the result."""
        if self._mismatched:
            self._diagnose()
        if self._contradicted is not None:
            self._fail(self._contradicted)
        missing = next((c for c in sorted((*self._ahead, *self._shipped_ahead), key=lambda c: c.last)), None)
        cut = any(stated.seq > self._seq for stated in self._restored_ahead)
        if missing is not None or cut or (self._seq < self._claimed and self._late is None):
            number = None if missing is None else missing.number
            self._fail(Fault(FaultKind.TRUNCATED, self.chain, self._seq + 1, checkpoint=number))
        self._check_end()
        if self._late is not None:
            self._fail(self._late)
        if self._stray is not None:
            self._fail(Fault(FaultKind.INSERTED, self.chain, None, self._stray))
        seen = 0 if self._signed is None else self._signed.number
        for kept in self._shipped:
            if kept.number > seen:
                self._fail(Fault(FaultKind.REMOVED_CHECKPOINT, self.chain, kept.first, checkpoint=kept.number))
        restored = () if self.fault is not None else self.restorations
        return VerificationResult(
            1,
            self.records,
            self.checkpointed,
            self.checkpoints,
            self.fault,
            restored,
            unshipped=int(self._is_unshipped()),
            backdated=self.backdated,
        )

    def _check_end(self) -> None:
        """Compare the stored end of the chain with its last record: nothing else says that the end was changed."""
        if self._late is None and self._seq > self._claimed:
            self._fail(Fault(FaultKind.ALTERED_END, self.chain, self._seq))
        if self._late is None and self._tail is not None and self._seq == self._claimed and self._tail != self._hash:
            self._fail(Fault(FaultKind.ALTERED_END, self.chain, self._seq))

    def _is_unshipped(self) -> bool:
        """Whether the chain's newest checkpoint is not among the shipped ones."""
        signed = self._signed
        return signed is not None and all(kept.hash != signed.hash for kept in self._shipped)

    def _report_late(self) -> None:
        """Report a checkpoint's fault after those of the records before it."""
        if self._late is not None and self._late.seq is not None and self._seq >= self._late.seq - 1:
            self._fail(self._late)

    def _collect_mismatch(self, page: Sequence[Link]) -> None:
        """Keep the first records that do not fit, and look in all later ones for the one that does."""
        self._mismatched += page[: WINDOW - len(self._mismatched)]
        self._later += len(page)
        if any(link.previous == self._hash and is_authentic(link, self._seq + 1, self._hash) for link in page):
            self._fits_later = True
            self._diagnose()

    def _diagnose(self) -> None:
        first = self._mismatched[0]
        if first.seq == self._seq + 1 and first.seq > self._bound:
            fault = Fault(FaultKind.INSERTED, self.chain, first.seq, first.record_id)
        else:
            fault = fault_in(self._mismatch())
        behind = fault.seq is not None and fault.seq > self._seq
        self._fail(self._contradicted if self._contradicted is not None and behind else fault)

    def _mismatch(self) -> Mismatch:
        return Mismatch(
            self.chain,
            self._seq + 1,
            self._hash,
            self._before,
            self._mismatched,
            self._fits_later,
            self._seq + self._later + WINDOW,
        )

    def _fail(self, fault: Fault) -> None:
        if self.fault is None:
            self.fault = fault
