"""Proofs of the cumulative log are checked offline; a proof that somebody changed is refused with its reason."""

from collections.abc import Callable
from typing import Any

import pytest

from libs.record.keys import SigningKey
from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint
from libs.record.log_entries import Span, leaves_of
from libs.record.log_proofs import consistency_problem, log_problem
from libs.record.log_tree import consistency_path, grown_tiles, hash_of_tiles, inclusion_path
from tests.unit.record.chains import KEY, KEYS
from tests.unit.record.logs import ORIGIN, KeptLog, a_log

STRANGER = SigningKey("k1", b"s" * 32)
SEQ = 4


def made() -> tuple[dict[str, Any], Span, KeptLog]:
    """A proof of one record of a log, the record, and the log."""
    log = a_log({"acc_1": 20})
    leaves = leaves_of(log.parts)
    record = Span("acc_1", SEQ, log.chains["acc_1"][SEQ - 1].hash)
    path = inclusion_path(hash_of_tiles(grown_tiles(0, leaves, {})), SEQ, len(leaves))
    proof = {
        "index": SEQ,
        "entry": next(record.entries()).decode(),
        "path": [step.hex() for step in path],
        "checkpoint": str(log.checkpoints[-1].note),
    }
    return proof, record, log


def test_a_proof_holds_with_the_public_key_alone() -> None:
    proof, record, _ = made()

    assert log_problem(proof, KEYS, record) is None


def a_forged(checkpoint: LogCheckpoint) -> str:
    return str(log_checkpoint(ORIGIN, checkpoint.size, checkpoint.root, STRANGER).note)


CHANGES: dict[str, Callable[[dict[str, Any], KeptLog], dict[str, Any]]] = {
    "another index": lambda proof, _: proof | {"index": SEQ + 1},
    "an index that is no number": lambda proof, _: proof | {"index": "4"},
    "an index that is a truth value": lambda proof, _: proof | {"index": True},
    "another entry": lambda proof, _: proof | {"entry": proof["entry"].replace(",4,", ",5,")},
    "an entry with spaces": lambda proof, _: proof | {"entry": proof["entry"].replace(",", ", ")},
    "a shorter path": lambda proof, _: proof | {"path": proof["path"][:-1]},
    "a longer path": lambda proof, _: proof | {"path": [*proof["path"], "ab" * 32]},
    "an older checkpoint": lambda proof, log: proof | {"checkpoint": str(log.checkpoints[0].note)},
    "a checkpoint of a stranger": lambda proof, log: proof | {"checkpoint": a_forged(log.checkpoints[-1])},
    "no checkpoint": lambda proof, _: proof | {"checkpoint": "none"},
    "an unknown name": lambda proof, _: proof | {"more": 1},
    "nothing": lambda _, __: {},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_proof_is_refused(change: Callable[[dict[str, Any], KeptLog], dict[str, Any]]) -> None:
    proof, record, log = made()

    assert log_problem(change(proof, log), KEYS, record) is not None


def test_a_proof_of_another_record_is_refused() -> None:
    proof, record, _ = made()

    assert log_problem(proof, KEYS, Span(record.chain, record.first + 1, record.hashes)) is not None
    assert log_problem(proof, KEYS, Span("acc_2", record.first, record.hashes)) is not None
    assert log_problem([], KEYS, record) is not None


def a_consistency_proof(log: KeptLog) -> tuple[LogCheckpoint, dict[str, Any]]:
    old, new = log.checkpoints
    path = consistency_path(hash_of_tiles(grown_tiles(0, leaves_of(log.parts), {})), old.size, new.size)
    return old, {"path": [step.hex() for step in path], "checkpoint": str(new.note)}


def test_a_checkpoint_that_was_kept_is_extended_by_the_newest_one() -> None:
    log = a_log({"acc_1": 20})
    old, proof = a_consistency_proof(log)

    assert consistency_problem(old, proof, KEYS) is None


def test_a_fork_of_a_checkpoint_that_was_kept_is_refused() -> None:
    log = a_log({"acc_1": 20})
    old, proof = a_consistency_proof(log)
    fork = log_checkpoint(ORIGIN, old.size, b"f" * 32, KEY)
    other = log_checkpoint("other.example/log", old.size, old.root, KEY)
    forged = log_checkpoint(ORIGIN, old.size, old.root, STRANGER)

    for kept in (fork, other, forged):
        assert consistency_problem(kept, proof, KEYS) is not None
    assert consistency_problem(old, proof | {"path": proof["path"][:-1]}, KEYS) is not None
    assert consistency_problem(old, {}, KEYS) is not None
