"""A verifier of exports that a stranger wrote from docs/record-format.md alone: it imports nothing of the gateway."""

import base64
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ONE = ["id", "at", "type", "account_id", "integration_id", "event_id", "correlation_id", "code", "purpose", "actor"]
ONE += ["customer_hash", "masked_phone", "details", "personal"]
TWO = [*ONE, "producer", "recorded_at"]
CHECKPOINT = {"chain", "at", "key", "signature", "number", "first", "last", "count", "root", "head", "previous"}
PURGE = {"chain", "at", "key", "signature", "seq", "head"}
RESTORATION = {"chain", "at", "key", "signature", "seq", "head", "replaced", "reason"}
LINES = {
    "header": {"export", "exported_at", "records"},
    "key": {"id", "algorithm", "public", "retired_at"},
    "chain": {"chain", "seq", "head", "purge", "stray", "restorations"},
    "checkpoint": CHECKPOINT,
    "record": {"seq", "previous", "hash", "record"},
    "end": {"chains"},
}
Json = dict[str, Any]


class Wrong(Exception):  # noqa: N818 -- reads as the fact it states
    """The fault's kind."""


def strict(text: str | bytes) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> Json:
        if len({name for name, _ in found}) != len(found):
            raise Wrong("incomplete")
        return dict(found)

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except ValueError:
        raise Wrong("incomplete") from None


def digest(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def compact(value: Any, *, ordered: bool = False) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=ordered).encode()


def message(kind: str, fields: Json) -> bytes:
    told = {name: value for name, value in fields.items() if name != "signature"}
    return f"gateway {kind} 1\n".encode() + compact(told, ordered=True)


def micros(text: str) -> int:
    at = datetime.fromisoformat(text)
    return (at - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(microseconds=1)


class Verifier:
    """Give it the keys of `gateway audit keys --json`, the lines, and shipped checkpoints."""

    def __init__(self, keys: list[Json], shipped: Iterable[Json] = ()) -> None:
        self.keys = {key["id"]: key for key in keys}
        self.shipped = list(shipped)
        self.records = self.sealed = 0
        self.unshipped = 0

    def signed(self, kind: str, fields: Json, fault: str) -> None:
        key = self.keys.get(fields["key"])
        if key is None:
            raise Wrong("unknown_key")
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public"]))
        try:
            public.verify(base64.b64decode(fields["signature"]), message(kind, fields))
        except InvalidSignature:
            raise Wrong(fault) from None
        if key["retired_at"] is not None and fields["at"] > micros(key["retired_at"]):
            raise Wrong("retired_key")

    def export(self, lines: Iterable[bytes]) -> str:
        """`ok` and the state, or the kind of the first fault."""
        try:
            self.read([strict(line) for line in lines])
        except Wrong as wrong:
            return str(wrong)
        if self.sealed < self.records:
            return "ok unsealed"
        return "ok unshipped" if self.unshipped else "ok sealed"

    def read(self, lines: list[Json]) -> None:
        old = bool(lines) and lines[0].get("export") == "gateway-record-export/1"
        chains: list[tuple[Json, list[Json]]] = []
        for at, line in enumerate(lines):
            kind = line.get("kind")
            names = LINES.get(str(kind), set())
            if kind == "chain" and old:
                names = names - {"head"} - ({"restorations"} - line.keys())
            if kind not in LINES or line.keys() - {"kind"} != names or (at == 0) != (kind == "header"):
                raise Wrong("incomplete")
            if kind == "chain":
                chains.append((line, []))
            elif kind in {"checkpoint", "record"}:
                if not chains:
                    raise Wrong("incomplete")
                chains[-1][1].append(line)
        ended = bool(lines) and lines[-1]["kind"] == "end" and lines[-1]["chains"] == len(chains)
        for head, content in chains:
            self.chain(head, content)
        if not ended or sum(line["kind"] == "end" for line in lines) != 1:
            raise Wrong("incomplete")
        if {kept["chain"] for kept in self.shipped} - {head["chain"] for head, _ in chains}:
            raise Wrong("truncated")

    def chain(self, head: Json, content: list[Json]) -> None:
        name = head["chain"]
        records = [line for line in content if line["kind"] == "record"]
        made = [{n: v for n, v in line.items() if n != "kind"} for line in content if line["kind"] == "checkpoint"]
        previous, at = digest(b"\x02", name.encode()), 0
        purge = head["purge"]
        if purge is not None:
            if purge.keys() != PURGE or purge["chain"] != name:
                raise Wrong("forged_purge")
            self.signed("purge", purge, "forged_purge")
            at, previous = purge["seq"], bytes.fromhex(purge["head"])
            if records and records[0]["seq"] <= purge["seq"]:
                at, previous = records[0]["seq"] - 1, bytes.fromhex(records[0]["previous"])
        hashes = self.links(name, records, at, previous)
        seq = max(hashes, default=at)
        self.checkpoints(
            name, made, hashes, {line["seq"]: line["record"].get("recorded_at") for line in records}, purge
        )
        if purge is not None and purge["seq"] in hashes and hashes[purge["seq"]].hex() != purge["head"]:
            raise Wrong("rewritten")
        if seq < head["seq"] or seq < max((one["last"] for one in made), default=0):
            raise Wrong("truncated")
        end = hashes.get(seq, previous)
        if seq > head["seq"] or head.get("head") not in {None, end.hex()}:
            raise Wrong("altered_end")
        if head["stray"] is not None:
            raise Wrong("inserted")
        self.compare(head, made, hashes)
        self.records += len(records)
        covered = max([0, *(one["last"] for one in made), *([purge["seq"]] if purge else [])])
        self.sealed += sum(1 for place in hashes if place <= covered)

    def links(self, name: str, records: list[Json], at: int, previous: bytes) -> dict[int, bytes]:
        hashes: dict[int, bytes] = {}
        for line in records:
            told, at = line["record"], at + 1
            names = TWO if "producer" in told or "recorded_at" in told else ONE
            if told.keys() != set(names):
                raise Wrong("incomplete")
            values = [told[each] for each in names]
            form = compact([2 if names is TWO else 1, at, *values])
            account = None if name == "-" else name
            whole = type(told["at"]) is int and (names is ONE or type(told["recorded_at"]) is int)
            hash_ = digest(b"\x00", previous, form)
            if line["seq"] != at or line["previous"] != previous.hex() or told["account_id"] != account:
                raise Wrong("altered")
            if line["hash"] != hash_.hex() or not whole:
                raise Wrong("altered")
            previous = hashes[at] = hash_
        return hashes

    def checkpoints(
        self, name: str, made: list[Json], hashes: dict[int, bytes], recorded: dict[int, Any], purge: Json | None
    ) -> None:
        before = {"number": 0, "last": 0, "at": 0}
        previous = bytes(32).hex()
        for one in made:
            if one["number"] > before["number"] + 1:
                raise Wrong("removed_checkpoint")
            self.signed("checkpoint", one, "forged_checkpoint")
            follows = (one["chain"], one["number"], one["first"]) == (name, before["number"] + 1, before["last"] + 1)
            sized = one["count"] == one["last"] - one["first"] + 1 >= 1
            if not follows or not sized or one["previous"] != previous or one["at"] < before["at"]:
                raise Wrong("forged_checkpoint")
            ends = purge is not None and one["last"] == purge["seq"]
            if ends and purge is not None and (one["head"] != purge["head"] or purge["at"] < one["at"]):
                raise Wrong("forged_purge")
            self.covered(one, hashes, recorded)
            previous, before = digest(message("checkpoint", one)).hex(), one

    def covered(self, one: Json, hashes: dict[int, bytes], recorded: dict[int, Any]) -> None:
        places = range(one["first"], one["last"] + 1)
        if one["last"] in hashes and hashes[one["last"]].hex() != one["head"]:
            raise Wrong("rewritten")
        if all(place in hashes for place in places) and tree([hashes[p] for p in places]).hex() != one["root"]:
            raise Wrong("rewritten")
        retired = self.keys[one["key"]]["retired_at"]
        if retired is not None and any((recorded.get(p) or 0) > micros(retired) for p in places):
            raise Wrong("retired_key")

    def compare(self, head: Json, made: list[Json], hashes: dict[int, bytes]) -> None:
        name = head["chain"]
        own = {digest(message("checkpoint", one)).hex() for one in made}
        kept = {digest(message("checkpoint", one)).hex(): one for one in self.shipped if one["chain"] == name}
        for one in kept.values():
            self.signed("checkpoint", one, "forged_checkpoint")
        replaced: set[str] = set()
        for stated in head.get("restorations", []):
            replaced |= self.replaced(name, stated, kept, hashes)
        for hash_, one in kept.items():
            if hash_ not in own | replaced:
                known = max(hashes, default=0) >= one["last"]
                raise Wrong(
                    ("rewritten" if hashes[one["last"]].hex() != one["head"] else "removed_checkpoint")
                    if known
                    else "truncated"
                )
        newest = digest(message("checkpoint", made[-1])).hex() if made else None
        self.unshipped += newest is not None and newest not in kept

    def replaced(self, name: str, stated: Json, kept: dict[str, Json], hashes: dict[int, bytes]) -> set[str]:
        try:
            if stated.keys() != RESTORATION or stated["chain"] != name:
                return set()
            self.signed("restoration", stated, "forged")
        except Wrong:
            return set()
        found: set[str] = set()
        waiting = list(stated["replaced"])
        while waiting:
            hash_ = waiting.pop()
            if hash_ in kept and hash_ not in found and kept[hash_]["last"] > stated["seq"]:
                found.add(hash_)
                waiting.append(kept[hash_]["previous"])
        retired = self.keys[stated["key"]]["retired_at"] is not None
        if retired and any(kept[hash_]["at"] > stated["at"] for hash_ in found):
            return set()
        there = hashes.get(stated["seq"], digest(b"\x02", name.encode()) if stated["seq"] == 0 else b"")
        if found and there.hex() != stated["head"]:
            raise Wrong("rewritten" if there else "truncated")
        return found


def tree(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, over leaves that are hashes."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return digest(b"\x01", tree(leaves[:split]), tree(leaves[split:]))


def log_checkpoint(note: str, entries: list[str], verifier_keys: dict[str, bytes]) -> bool:
    """Whether a note's root is that of these entries, and its own signature and each witness's are valid."""
    text, _, signatures = note.partition("\n\n")
    origin, size, root = text.split("\n")[:3]
    text += "\n"
    leaves = [digest(b"\x00", entry.encode()) for entry in entries]
    if int(size) != len(leaves) or base64.b64decode(root) != tree(leaves):
        return False
    valid = 0
    for line in signatures.splitlines():
        _, name, encoded = line.split(" ")
        raw, public = base64.b64decode(encoded), verifier_keys[name]
        signed, signature = text.encode(), raw[4:]
        if name != origin:
            signed = f"cosignature/v1\ntime {int.from_bytes(raw[4:12])}\n{text}".encode()
            signature = raw[12:]
        if raw[:4] != digest(name.encode(), b"\n", public)[:4]:
            return False
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature, signed)
        valid += 1
    return valid == len(verifier_keys)
