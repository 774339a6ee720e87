"""Proofs that a checkpoint covers a record, which can be verified with the public key alone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from libs.record.canonical import Link, are_types, body_of, chain_of, link_hash, values_from_body
from libs.record.checkpoints import Checkpoint
from libs.record.keys import PublicKeys
from libs.record.log_entries import Span
from libs.record.log_proofs import log_problem
from libs.record.merkle import path_of, root_from
from libs.record.strict_json import require_names

PROOF: Final = "gateway-record-proof/1"
_NAMES: Final = {"proof", "seq", "previous", "record", "path", "checkpoint"}


@dataclass(frozen=True, slots=True)
class ProofResult:
    """The result of verifying a proof. Without a `problem`, the record is at position `seq` of `chain`."""

    record_id: str | None
    chain: str | None
    seq: int | None
    problem: str | None

    @property
    def ok(self) -> bool:
        """True when the proof is valid."""
        return self.problem is None

    def as_json(self) -> dict[str, Any]:
        """The result as JSON."""
        return {"ok": self.ok, **asdict(self)}


def proof_from(link: Link, hashes: Sequence[bytes], checkpoint: Checkpoint) -> dict[str, Any]:
    """The proof of a record as JSON; `hashes` are those of all records that the checkpoint covers."""
    return {
        "proof": PROOF,
        "seq": link.seq,
        "previous": link.previous.hex(),
        "record": body_of(link.values),
        "path": [step.hex() for step in path_of(hashes, link.seq - checkpoint.first)],
        "checkpoint": checkpoint.as_json(),
    }


def verify_proof(proof: Mapping[str, Any], keys: PublicKeys) -> ProofResult:
    """Verify a proof with trusted public keys. Never raises for the proof's content."""
    try:
        require_names(proof["checkpoint"], frozenset(Checkpoint.__dataclass_fields__))
        checkpoint = Checkpoint.from_json(proof["checkpoint"])
        record, seq = proof["record"], proof["seq"]
        values = values_from_body(record)
        leaf = link_hash(bytes.fromhex(proof["previous"]), seq, values)
        path = [bytes.fromhex(step) for step in proof["path"]]
        chain = chain_of(record["account_id"])
        readable = proof["proof"] == PROOF and proof.keys() - {"log"} == _NAMES and type(seq) is int
        readable = readable and are_types(tuple(map(type, values)))
    except (KeyError, TypeError, ValueError, AttributeError):
        readable = False
    if not readable:
        return ProofResult(None, None, None, "not a proof of this format")
    problem = _problem_of(checkpoint, keys, chain)
    root = root_from(leaf, path, index=seq - checkpoint.first, size=checkpoint.count)
    if problem is None and (root != checkpoint.root or checkpoint.count != checkpoint.last - checkpoint.first + 1):
        problem = "the record is not the one that the checkpoint covers"
    if problem is None and proof.get("log") is not None:
        problem = log_problem(proof["log"], keys, Span(chain, seq, leaf))
    return ProofResult(str(record["id"]), checkpoint.chain, seq, problem)


def _problem_of(checkpoint: Checkpoint, keys: PublicKeys, chain: str) -> str | None:
    key = keys.get(checkpoint.key)
    if key is None:
        return f"its key {checkpoint.key!r} is not trusted"
    if not checkpoint.is_signed_by(key):
        return "its checkpoint has an invalid signature"
    if key.retired_at is not None and checkpoint.at > key.retired_at:
        return "its checkpoint was signed after its key was retired"
    if checkpoint.chain != chain:
        return "its checkpoint belongs to another chain"
    return None
