"""Checks proofs of the cumulative log offline: with the log's public key, and a witness's where one is asked for."""

from collections.abc import Mapping
from typing import Any, Final

from libs.record.keys import PublicKeys
from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint_from, log_keys
from libs.record.log_entries import Span, leaf_hash
from libs.record.log_tree import is_consistent, is_included

_NAMES: Final = {"index", "entry", "path", "checkpoint"}


def log_problem(proof: Any, keys: PublicKeys, record: Span) -> str | None:
    """Why this does not prove that the log has the record; None when it does. Never raises for the proof's content."""
    try:
        if proof.keys() - {"timestamp"} != _NAMES or type(proof["index"]) is not int:
            return "its part about the log is not of this format"
        checkpoint = log_checkpoint_from(proof["checkpoint"])
        path = [bytes.fromhex(step) for step in proof["path"]]
        entry = proof["entry"].encode()
    except (KeyError, TypeError, ValueError, AttributeError):
        return "its part about the log is not of this format"
    if entry != next(record.entries()):
        return "the log's entry is that of another record"
    if not checkpoint.is_signed_by_any(log_keys(checkpoint.origin, keys)):
        return "the log's checkpoint has no valid signature of a trusted key"
    leaf, index = leaf_hash(entry), proof["index"]
    included = is_included(leaf, path, index=index, size=checkpoint.size, root=checkpoint.root)
    return None if included else "the record is not in the log's checkpoint"


def consistency_problem(old: LogCheckpoint, proof: Mapping[str, Any], keys: PublicKeys) -> str | None:
    """Why the checkpoint in a consistency proof does not extend `old`, a checkpoint that was kept; None if it does."""
    try:
        new = log_checkpoint_from(proof["checkpoint"])
        path = [bytes.fromhex(step) for step in proof["path"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        return "not a consistency proof of this format"
    for each in (old, new):
        if each.origin != new.origin or not each.is_signed_by_any(log_keys(new.origin, keys)):
            return "a checkpoint has no valid signature of a trusted key for this log"
    consistent = is_consistent(path, old=old.size, old_root=old.root, size=new.size, root=new.root)
    return None if consistent else "the log's checkpoint does not extend the older one: the log was rewritten"
