"""Proof that one record stands in the record, for somebody who has nothing but the proof and the public key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from libs.record.canonical import FIELDS, Link, chain_of, link_hash
from libs.record.checkpoints import Checkpoint
from libs.record.keys import Keys
from libs.record.merkle import path_of, root_from

PROOF: Final = "gateway-record-proof/1"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a proof shows; `problem` None: that the record stands where it says."""

    record_id: str | None
    chain: str | None
    seq: int | None
    problem: str | None

    @property
    def ok(self) -> bool:
        """True when the proof holds."""
        return self.problem is None

    def shown(self) -> dict[str, Any]:
        """Itself as JSON."""
        told = {"record_id": self.record_id, "chain": self.chain, "seq": self.seq}
        return {"ok": self.ok, **told, "problem": self.problem}


def proof_from(link: Link, hashes: Sequence[bytes], checkpoint: Checkpoint) -> dict[str, Any]:
    """The proof of a record, as JSON; `hashes` are those of the checkpoint's records, from its first to its last."""
    return {
        "proof": PROOF,
        "seq": link.seq,
        "previous": link.previous.hex(),
        "record": dict(zip(FIELDS, link.values, strict=True)),
        "path": [step.hex() for step in path_of(hashes, link.seq - checkpoint.first)],
        "checkpoint": checkpoint.shown(),
    }


def checked(proof: Mapping[str, Any], keys: Keys) -> Checked:
    """Check a proof against public keys that are trusted. Never raises for what the proof holds."""
    try:
        checkpoint = Checkpoint.from_shown(proof["checkpoint"])
        record, seq = proof["record"], proof["seq"]
        values = [record[name] for name in FIELDS]
        leaf = link_hash(bytes.fromhex(proof["previous"]), seq, values)
        path = [bytes.fromhex(step) for step in proof["path"]]
        chain = chain_of(record["account_id"])
        known = proof["proof"] == PROOF and record.keys() == set(FIELDS) and type(seq) is int
    except (KeyError, TypeError, ValueError, AttributeError):
        known = False
    if not known:
        return Checked(None, None, None, "is no proof of this format")
    problem = _problem_of(checkpoint, keys, chain)
    root = root_from(leaf, path, index=seq - checkpoint.first, size=checkpoint.count)
    if problem is None and (root != checkpoint.root or checkpoint.count != checkpoint.last - checkpoint.first + 1):
        problem = "the record is not the one that the checkpoint vouches for"
    return Checked(str(record["id"]), checkpoint.chain, seq, problem)


def _problem_of(checkpoint: Checkpoint, keys: Keys, chain: str) -> str | None:
    key = keys.get(checkpoint.key)
    if key is None:
        return f"its key {checkpoint.key!r} is not among the trusted ones"
    if not checkpoint.is_signed_by(key):
        return "its checkpoint is not what the key signed"
    if key.retired_at is not None and checkpoint.at > key.retired_at:
        return "its checkpoint is later than its key was retired"
    if checkpoint.chain != chain:
        return "its checkpoint is of another chain"
    return None
