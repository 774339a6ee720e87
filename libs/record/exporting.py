"""The export: JSON lines that hold everything a verification needs, in the order in which the verifier wants it.

`header`, a `key` for each public key, then for each chain: `chain`, and in turn `checkpoint`s and the `record`s that
they cover; `end` says that nothing was cut off on the way. The rule: one line is one JSON object with a `kind`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from libs.record.canonical import FIELDS, Link, Value
from libs.record.checkpoints import Checkpoint, Purge
from libs.record.faults import Fault, FaultKind, Verdict
from libs.record.keys import Keys, keys_from
from libs.record.verifying import ChainVerifier

EXPORT: Final = "gateway-record-export/1"
PAGE: Final = 1_000
Shipped = Sequence[Checkpoint]


def line_of(kind: str, told: Mapping[str, Any]) -> bytes:
    """One line."""
    return orjson.dumps({"kind": kind, **told}) + b"\n"


def head_lines(keys: Keys, *, records: int, at: str) -> bytes:
    """How an export begins; `records` is about how many will come, for a progress bar."""
    lines = [line_of("header", {"export": EXPORT, "exported_at": at, "records": records})]
    return b"".join([*lines, *(line_of("key", key.shown()) for key in keys.values())])


def chain_line(chain: str, claimed: int, purge: Purge | None, stray: str | None = None) -> bytes:
    """The beginning of a chain that has `claimed` records, those included that were purged."""
    purged = None if purge is None else purge.shown()
    return line_of("chain", {"chain": chain, "seq": claimed, "purge": purged, "stray": stray})


def record_lines(links: Iterable[Link]) -> bytes:
    """Records at their places."""
    return b"".join(
        orjson.dumps(
            {
                "kind": "record",
                "seq": seq,
                "previous": previous.hex(),
                "hash": hash_.hex(),
                "record": dict(zip(FIELDS, values, strict=True)),
            }
        )
        + b"\n"
        for seq, previous, hash_, values in links
    )


def checkpoint_line(checkpoint: Checkpoint) -> bytes:
    """A checkpoint."""
    return line_of("checkpoint", checkpoint.shown())


def end_line(chains: int) -> bytes:
    """The end; without it an export is incomplete."""
    return line_of("end", {"chains": chains})


class ExportVerifier:
    """Verifies an export line by line, against trusted keys and, where there are any, checkpoints kept elsewhere."""

    def __init__(self, keys: Keys, shipped: Iterable[Checkpoint] = ()) -> None:
        self.keys_told: list[Mapping[str, Any]] = []
        self.records_told = 0
        self.records = self._sealed = self._checkpoints = self._chains = 0
        self._keys = keys
        self._shipped: dict[str, list[Checkpoint]] = {}
        for checkpoint in shipped:
            self._shipped.setdefault(checkpoint.chain, []).append(checkpoint)
        self._fault: Fault | None = None
        self._chain: ChainVerifier | None = None
        self._seen: set[str] = set()
        self._page: list[Link] = []
        self._ended = False

    def feed(self, lines: Iterable[bytes]) -> Iterator[int]:
        """Take lines; yields how many records were looked at, from time to time. Stops at the first fault."""
        for line in lines:
            try:
                self._take(orjson.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                self._fail(FaultKind.INCOMPLETE)
            if self._fault is not None:
                return
            if not self._page:
                yield self.records
        self._flush()

    def end(self) -> Verdict:
        """There is no more; the verdict."""
        if not self._ended:
            self._fail(FaultKind.INCOMPLETE)
        self._close()
        for chain in sorted(self._shipped.keys() - self._seen):
            if self._fault is None:
                gone = ChainVerifier(chain, keys=self._keys, claimed=0, shipped=self._shipped[chain]).end()
                self._fault = gone.first_fault
        return Verdict(self._chains, self.records, self._sealed, self._checkpoints, self._fault)

    def _take(self, told: dict[str, Any]) -> None:
        kind = told["kind"]
        if kind == "record" and self._chain is not None:
            self._page.append(_link_from(told))
            if len(self._page) == PAGE:
                self._flush()
            return
        self._flush()
        if self._ended:
            raise ValueError("something follows the end")
        if kind == "checkpoint":
            self._current.checkpoint(Checkpoint.from_shown(told))
        elif kind == "chain":
            self._close()
            self._open(told)
        elif kind == "key":
            keys_from([told])
            self.keys_told.append(told)
        elif kind == "end":
            self._close()
            self._ended = told["chains"] == self._chains
        elif kind == "header" and told["export"] == EXPORT:
            self.records_told = int(told["records"])
        else:
            raise ValueError("an unknown line")

    @property
    def _current(self) -> ChainVerifier:
        if self._chain is None:
            raise ValueError("it belongs to no chain")
        return self._chain

    def _open(self, told: dict[str, Any]) -> None:
        chain, claimed = str(told["chain"]), told["seq"]
        if chain in self._seen or type(claimed) is not int:
            raise ValueError("a chain comes twice")
        self._seen.add(chain)
        purge = None if told["purge"] is None else Purge.from_shown(told["purge"])
        shipped = self._shipped.get(chain, ())
        self._chain = ChainVerifier(
            chain, keys=self._keys, claimed=claimed, purge=purge, stray=told["stray"], shipped=shipped
        )
        self._chains += 1

    def _flush(self) -> None:
        if self._page:
            page, self._page = self._page, []
            self._current.links(page)
            self.records += len(page)
            self._fault = self._fault or self._current.fault

    def _close(self) -> None:
        if self._chain is None:
            return
        self._flush()
        verdict = self._chain.end()
        self._sealed += verdict.sealed
        self._checkpoints += verdict.checkpoints
        self._fault = self._fault or verdict.first_fault
        self._chain = None

    def _fail(self, kind: FaultKind) -> None:
        if self._fault is None:
            chain = "" if self._chain is None else self._chain.chain
            self._fault = Fault(kind, chain, None)


def _link_from(told: dict[str, Any]) -> Link:
    record: dict[str, Value] = told["record"]
    values = [record[name] for name in FIELDS]
    return Link(told["seq"], bytes.fromhex(told["previous"]), bytes.fromhex(told["hash"]), values)


def shipped_from(lines: Iterable[bytes]) -> list[Checkpoint]:
    """Checkpoints that a sink kept, one a line; the same one may come several times.

    A crash can leave half a line, and its checkpoint comes again then: what is no checkpoint is passed over.
    """
    found: dict[tuple[bytes, bytes], Checkpoint] = {}
    for line in lines:
        try:
            checkpoint = Checkpoint.from_shown(orjson.loads(line))
        except ValueError:
            continue
        found[checkpoint.hash, checkpoint.signature] = checkpoint
    return list(found.values())
