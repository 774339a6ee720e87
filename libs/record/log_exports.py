"""The cumulative log in exports: its lines, and what a verification of an export finds out about it.

An export of all chains has, before the first chain, a `log_checkpoint` for each checkpoint that it gives, then the
`log` lines with the entries in order. The rule: the log is read before the chains.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from libs.record.canonical import Link
from libs.record.faults import Fault
from libs.record.keys import PublicKeys
from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint_from
from libs.record.log_entries import Part, parts_as_json, parts_from_json
from libs.record.log_verifier import LogVerifier, findings_of
from libs.record.signed_notes import COSIGNATURE, NoteKey, cosigned_at

LINES: Final[Mapping[str, frozenset[str]]] = {
    "log_checkpoint": frozenset({"kind", "size", "note", "timestamp"}),
    "log": frozenset({"kind", "start", "parts"}),
}
"""The names of each kind of line."""
SHIPPED: Final = "log.checkpoint"
"""The kind of a sink's line."""


def log_checkpoint_line(size: int, note: str, timestamp: bytes | None) -> bytes:
    """The line of a checkpoint; `timestamp` is an authority's answer (RFC 3161)."""
    encoded = None if timestamp is None else base64.b64encode(timestamp).decode()
    body = {"kind": "log_checkpoint", "size": size, "note": note, "timestamp": encoded}
    return orjson.dumps(body) + b"\n"


def log_line(start: int, parts: Sequence[Part]) -> bytes:
    """The line of entries from index `start` on."""
    return orjson.dumps({"kind": "log", "start": start, "parts": parts_as_json(parts)}) + b"\n"


def shipped_log_checkpoints_from(lines: Iterable[bytes]) -> list[LogCheckpoint]:
    """The log's checkpoints in a sink's lines; other lines, and half lines, are skipped."""
    found: dict[str, LogCheckpoint] = {}
    for line in lines:
        try:
            body = orjson.loads(line)
            if isinstance(body, dict) and body.get("kind") == SHIPPED:
                checkpoint = log_checkpoint_from(str(body.get("note")))
                at = body.get("at")
                found[str(checkpoint.note)] = replace(checkpoint, shipped_at=at if type(at) is int else None)
        except ValueError:
            continue
    return list(found.values())


class LogOfExport:
    """Reads the log's lines of an export and compares the chains with it; `known` are checkpoints from outside."""

    def __init__(self, keys: PublicKeys, known: Iterable[LogCheckpoint] = ()) -> None:
        self._keys, self._known = keys, list(known)
        self._given: list[LogCheckpoint] = []
        self._timestamps: dict[int, tuple[str, bytes]] = {}
        self._verifier: LogVerifier | None = None
        self._ended = False
        self._ends: dict[str, int] = {}

    @property
    def fault(self) -> Fault | None:
        """The first fault of the log."""
        return None if self._verifier is None else self._verifier.fault

    def read(self, line: Mapping[str, Any]) -> None:
        """Take a line. Raises ValueError for one that is out of place or cannot be read."""
        if self._ended or (line["kind"] == "log_checkpoint" and self._verifier is not None):
            raise ValueError("a line of the log is out of place")
        if line["kind"] == "log_checkpoint":
            self._given.append(log_checkpoint_from(line["note"]))
            if line["timestamp"] is not None:
                self._timestamps[self._given[-1].size] = (line["note"], base64.b64decode(line["timestamp"]))
            return
        verifier = self._verifier = self._verifier or self._new()
        if line["start"] != verifier.size:
            raise ValueError("a line of the log is missing")
        verifier.parts(parts_from_json(line["parts"]))

    def chains_begin(self) -> None:
        """Finish the log before the first chain."""
        if self._ended:
            return
        self._ended = True
        if self._verifier is None and (self._given or self._known):
            self._verifier = self._new()
        if self._verifier is not None:
            self._verifier.end()

    def links(self, chain: str, links: Sequence[Link]) -> None:
        """Compare records with the log."""
        if self._verifier is not None:
            self._verifier.links(chain, links)

    def chain_end(self, chain: str, seq: int) -> None:
        """Finish a chain that has had `seq` records."""
        self._ends[chain] = seq
        if self._verifier is not None:
            self._verifier.chain_end(chain, seq)

    def end(self, restored_at: int | None = None) -> None:
        """Finish after the last chain: the log may name no other chains. As `LogVerifier.judge_shipped`."""
        self.chains_begin()
        if self._verifier is not None:
            for chain in sorted(self._verifier.chains.keys() - self._ends.keys()):
                self._verifier.chain_end(chain, 0)
            self._verifier.judge_shipped(restored_at)

    def as_json(self) -> dict[str, Any] | None:
        """What is known of the log; None for an export without one."""
        return None if self._verifier is None else findings_of(self._verifier, self._ends)

    def cosigned_at(self, witness: NoteKey) -> int | None:
        """When the witness cosigned a checkpoint of this log last (seconds since 1970); None when it never did."""
        own = [] if self._verifier is None else [c for c in self._checkpoints() if c.size <= self._verifier.signed]
        times = [at for each in own if (at := cosigned_at(each.note, witness)) is not None]
        return max(times, default=None) if witness.type == COSIGNATURE else None

    def newest_timestamp(self) -> tuple[str, bytes] | None:
        """The newest timestamped checkpoint's note and the authority's answer, unchecked."""
        return None if not self._timestamps else self._timestamps[max(self._timestamps)]

    def _checkpoints(self) -> list[LogCheckpoint]:
        origin = "" if self._verifier is None else self._verifier.origin
        return [each for each in (*self._given, *self._known) if each.origin == origin]

    def _new(self) -> LogVerifier:
        named = [*self._given[-1:], *self._known]
        if not named:
            raise ValueError("a log without a checkpoint")
        return LogVerifier(named[0].origin, keys=self._keys, checkpoints=[*self._given, *self._known])
