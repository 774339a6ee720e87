"""Exports: JSON lines with everything that a verification needs, in the order in which `ExportVerifier` reads them.

A `header`, a `key` for each public key, then for each chain a `chain` and its `checkpoint`s, each before the `record`s
that it covers; `end` shows that the export is complete. The rule: one line is one JSON object with a `kind`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from libs.record import log_exports
from libs.record.canonical import FIELDS_1, Link, Value, body_of, values_from_body
from libs.record.chain_verifier import ChainVerifier
from libs.record.checkpoints import Checkpoint, Purge
from libs.record.faults import Fault, FaultKind, VerificationResult
from libs.record.keys import PublicKeys, public_keys_from
from libs.record.restorations import Loss, Restoration, loss_of, statements_as_json
from libs.record.strict_json import parsed, require_names

EXPORT: Final = "gateway-record-export/2"
EXPORT_1: Final = "gateway-record-export/1"
"""The header of exports before format 2 of records; they are still read."""
_CHAIN_1: Final = frozenset({"kind", "chain", "seq", "purge", "stray"})
_NAMES: Final = {
    "header": frozenset({"kind", "export", "exported_at", "records"}),
    "key": frozenset({"kind", "id", "algorithm", "public", "retired_at"}),
    "chain": _CHAIN_1 | {"head", "restorations"},
    "checkpoint": frozenset({"kind", *Checkpoint.__dataclass_fields__}),
    "record": frozenset({"kind", "seq", "previous", "hash", "record"}),
    "end": frozenset({"kind", "chains"}),
    **log_exports.LINES,
}
"""The names of each kind of line. A line with another one is refused: a reader could rely on what is not signed."""
PAGE: Final = 1_000
Shipped = Sequence[Checkpoint]


def line_of(kind: str, body: Mapping[str, Any]) -> bytes:
    """One line."""
    return orjson.dumps({"kind": kind, **body}) + b"\n"


def head_lines(keys: PublicKeys, *, records: int, at: str) -> bytes:
    """The first lines; `records` is the approximate number of records, for a progress bar."""
    lines = [line_of("header", {"export": EXPORT, "exported_at": at, "records": records})]
    return b"".join([*lines, *(line_of("key", key.as_json()) for key in keys.values())])


def chain_line(
    chain: str,
    claimed: int,
    purge: Purge | None,
    stray: str | None = None,
    restorations: Iterable[Restoration] = (),
    *,
    tail: bytes | None = None,
) -> bytes:
    """The first line of a chain that claims to have `claimed` records, including purged ones, `tail` the last hash."""
    purged = None if purge is None else purge.as_json()
    head = None if tail is None else tail.hex()
    body = {"chain": chain, "seq": claimed, "head": head, "purge": purged, "stray": stray}
    return line_of("chain", body | {"restorations": statements_as_json(restorations)})


def record_lines(links: Iterable[Link]) -> bytes:
    """A line for each record."""
    return b"".join(
        orjson.dumps(
            {
                "kind": "record",
                "seq": seq,
                "previous": _hex(previous),
                "hash": _hex(hash_),
                "record": body_of(values),
            },
            default=_unexpected,
        )
        + b"\n"
        for seq, previous, hash_, values in links
    )


def _hex(found: object) -> object:
    """A hash as stored, which somebody may have replaced with a value of another type."""
    return found.hex() if isinstance(found, bytes) else found


def _unexpected(value: object) -> object:
    """A stored value that is no text and no number, such as a BLOB, in a form that no reader takes for a record's."""
    return {"unexpected": value.hex() if isinstance(value, bytes) else type(value).__name__}


def checkpoint_line(checkpoint: Checkpoint) -> bytes:
    """The line of a checkpoint."""
    return line_of("checkpoint", checkpoint.as_json())


def end_line(chains: int) -> bytes:
    """The last line; an export without it is incomplete."""
    return line_of("end", {"chains": chains})


class ExportVerifier:
    """Verifies an export line by line, against trusted keys and checkpoints that were shipped to another system."""

    def __init__(
        self, keys: PublicKeys, shipped: Iterable[Checkpoint] = (), log: log_exports.LogOfExport | None = None
    ) -> None:
        self.log = log or log_exports.LogOfExport(keys)
        self.listed_keys: list[Mapping[str, Any]] = []
        self.announced_records = 0
        self.records = self._checkpointed = self._checkpoints = self._chains = 0
        self._keys = keys
        self._shipped: dict[str, list[Checkpoint]] = {}
        for checkpoint in shipped:
            self._shipped.setdefault(checkpoint.chain, []).append(checkpoint)
        self._fault: Fault | None = None
        self._chain: ChainVerifier | None = None
        self._seen: set[str] = set()
        self._restorations: list[Restoration] = []
        self._valid_restorations: list[Restoration] = []
        self._page: list[Link] = []
        self._ended = False
        self._claimed = 0
        self._format: str | None = None
        self._unshipped = self._backdated = 0

    def feed(self, lines: Iterable[bytes]) -> Iterator[int]:
        """Verify lines; yields the number of verified records from time to time. Stops at the first fault."""
        for line in lines:
            try:
                self._read(parsed(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                self._fail(FaultKind.INCOMPLETE)
            if self._fault is not None:
                return
            if not self._page:
                yield self.records
        self._flush()

    def end(self) -> VerificationResult:
        """Finish the verification after the last line; the result."""
        if not self._ended:
            self._fail(FaultKind.INCOMPLETE)
        self._close()
        for chain in sorted(self._shipped.keys() - self._seen):
            if self._fault is None:
                missing = ChainVerifier(chain, keys=self._keys, claimed=0, shipped=self._shipped[chain]).end()
                self._fault = missing.first_fault
        if self._fault is None:
            self.log.end(max((each.at for each in self._valid_restorations), default=None))
            self._fault = self.log.fault
        restored = tuple(self._restorations)
        return VerificationResult(
            self._chains,
            self.records,
            self._checkpointed,
            self._checkpoints,
            self._fault,
            restored,
            unshipped=self._unshipped,
            backdated=self._backdated,
            log=self.log.as_json(),
        )

    def _read(self, line: dict[str, Any]) -> None:
        kind = line["kind"]
        self._require_form(kind, line)
        if kind == "record" and self._chain is not None:
            self._page.append(_link_from(line))
            if len(self._page) == PAGE:
                self._flush()
            return
        self._flush()
        if self._ended:
            raise ValueError("a line follows the end")
        if kind == "checkpoint":
            self._current.checkpoint(Checkpoint.from_json(line))
        elif kind == "chain":
            self._close()
            self._open(line)
        elif kind in log_exports.LINES:
            self.log.read(line)
            self._fault = self._fault or self.log.fault
        elif kind == "key":
            public_keys_from([line])
            self.listed_keys.append(line)
        elif kind == "end":
            self._close()
            self._ended = line["chains"] == self._chains
        elif kind == "header":
            self._format = line["export"]
            self.announced_records = int(line["records"])
        else:
            raise ValueError("a line has an unknown kind")

    def _require_form(self, kind: str, line: dict[str, Any]) -> None:
        """Raise ValueError unless the line has the names of its kind in this format, behind one header."""
        if kind == "header" and (self._format is not None or line["export"] not in {EXPORT, EXPORT_1}):
            raise ValueError("an export has one header, of a known format")
        if kind != "header" and self._format is None:
            raise ValueError("a line precedes the header")
        names = _NAMES.get(kind)
        if kind == "chain" and self._format == EXPORT_1:
            names = _CHAIN_1 | ({"restorations"} & line.keys())
        if names is not None:
            require_names(line, names)
        if kind == "record" and self._format == EXPORT_1 and len(line["record"]) != len(FIELDS_1):
            raise ValueError("a record of this format in an export of another one")

    @property
    def _current(self) -> ChainVerifier:
        if self._chain is None:
            raise ValueError("a line belongs to no chain")
        return self._chain

    def _open(self, line: dict[str, Any]) -> None:
        chain, claimed = str(line["chain"]), line["seq"]
        if chain in self._seen or type(claimed) is not int:
            raise ValueError("a chain is repeated or has no seq")
        self._seen.add(chain)
        self.log.chains_begin()
        purge = None if line["purge"] is None else Purge.from_json(line["purge"])
        shipped = self._shipped.get(chain, ())
        self._claimed = claimed
        stated = [*map(Restoration.from_json, line.get("restorations", ()))]
        self._valid_restorations += [each for each in stated if each.is_valid(chain, self._keys)]
        self._chain = ChainVerifier(
            chain,
            keys=self._keys,
            claimed=claimed,
            purge=purge,
            stray=line["stray"],
            shipped=shipped,
            restorations=stated,
            tail=None if line.get("head") is None else bytes.fromhex(line["head"]),
        )
        self._chains += 1

    def _flush(self) -> None:
        if self._page:
            page, self._page = self._page, []
            self._current.links(page)
            self.log.links(self._current.chain, page)
            self.records += len(page)
            self._fault = self._fault or self._current.fault

    def _close(self) -> None:
        if self._chain is None:
            return
        self._flush()
        result = self._chain.end()
        self._checkpointed += result.checkpointed
        self._checkpoints += result.checkpoints
        self._restorations += result.restorations
        self._unshipped += result.unshipped
        self._backdated += result.backdated
        self._fault = self._fault or result.first_fault
        self.log.chain_end(self._chain.chain, self._claimed)
        self._fault = self._fault or self.log.fault
        self._chain = None

    def _fail(self, kind: FaultKind) -> None:
        if self._fault is None:
            chain = "" if self._chain is None else self._chain.chain
            self._fault = Fault(kind, chain, None)


def _link_from(line: dict[str, Any]) -> Link:
    record: dict[str, Value] = line["record"]
    values = values_from_body(record)
    return Link(line["seq"], bytes.fromhex(line["previous"]), bytes.fromhex(line["hash"]), values)


def losses_in(lines: Iterable[bytes], shipped: Sequence[Checkpoint], keys: PublicKeys) -> list[Loss]:
    """What each chain of an export lost in comparison with `shipped`, and no statement of it tells.

    Only checkpoints with a trusted signature count. Raises ValueError for an export without its end.
    """
    trusted = [each for each in shipped if (key := keys.get(each.key)) is not None and each.is_signed_by(key)]
    own: dict[str, list[Checkpoint]] = {each.chain: [] for each in trusted}
    stated: dict[str, list[Restoration]] = {}
    ended = False
    for raw in lines:
        line = orjson.loads(raw)
        ended = line["kind"] == "end"
        if line["kind"] == "checkpoint":
            own.setdefault(line["chain"], []).append(Checkpoint.from_json(line))
        elif line["kind"] == "chain":
            found = map(Restoration.from_json, line.get("restorations", ()))
            stated[line["chain"]] = [each for each in found if each.is_valid(line["chain"], keys)]
    if not ended:
        raise ValueError("the export was interrupted")
    losses = (loss_of(chain, own[chain], trusted, stated.get(chain, ())) for chain in sorted(own))
    return [loss for loss in losses if loss is not None]


def shipped_checkpoints_from(lines: Iterable[bytes]) -> list[Checkpoint]:
    """The checkpoints in a sink's lines; repeated ones are returned once.

    A crash can leave half a line, whose checkpoint is then shipped again: lines that are not checkpoints are skipped.
    """
    found: dict[tuple[bytes, bytes], Checkpoint] = {}
    for line in lines:
        try:
            checkpoint = Checkpoint.from_json(orjson.loads(line))
        except ValueError:
            continue
        found[checkpoint.hash, checkpoint.signature] = checkpoint
    return list(found.values())
