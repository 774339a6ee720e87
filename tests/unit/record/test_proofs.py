"""A proof holds for one record, one checkpoint and the keys that are trusted, and for nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.record.checkpoints import checkpoint_from
from libs.record.keys import PublicKey, SigningKey
from libs.record.proofs import proof_from, verify_proof
from tests.unit.record.chains import KEY, KEYS, NOON, a_chain


def a_proof(seq: int = 7, *, every: int = 5) -> dict[str, Any]:
    kept = a_chain(12, every=every)
    checkpoint = next(c for c in kept.checkpoints if c.first <= seq <= c.last)
    hashes = [link.hash for link in kept.links[checkpoint.first - 1 : checkpoint.last]]
    proof: dict[str, Any] = json.loads(json.dumps(proof_from(kept.links[seq - 1], hashes, checkpoint)))
    return proof


@given(st.integers(1, 12), st.integers(1, 12))
def test_a_proof_holds_for_every_record_under_a_checkpoint(seq: int, every: int) -> None:
    result = verify_proof(a_proof(seq, every=every), KEYS)

    assert result.ok
    assert (result.record_id, result.chain, result.seq) == (f"record-{seq}", "acc_1", seq)


def changed(proof: dict[str, Any], *path: str | int, to: object) -> dict[str, Any]:
    place: Any = proof
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return proof


FORGERIES = [
    pytest.param(("record", "code"), "blocked", id="another code"),
    pytest.param(("record", "at"), NOON, id="another time"),
    pytest.param(("record", "details"), '{"a": 1}', id="the same details, written otherwise"),
    pytest.param(("record", "account_id"), "acc_2", id="another account"),
    pytest.param(("record", "personal"), "", id="an empty text for none"),
    pytest.param(("record", "more"), "x", id="another field"),
    pytest.param(("previous",), "00" * 32, id="another predecessor"),
    pytest.param(("seq",), 8, id="another place"),
    pytest.param(("seq",), 2, id="a place outside the checkpoint"),
    pytest.param(("seq",), True, id="a place that is no number"),
    pytest.param(("path",), [], id="no path"),
    pytest.param(("path", 0), "11" * 32, id="another path"),
    pytest.param(("path", 0), 7, id="a path that is none"),
    pytest.param(("checkpoint", "root"), "22" * 32, id="another root"),
    pytest.param(("checkpoint", "first"), 5, id="another beginning"),
    pytest.param(("checkpoint", "count"), 6, id="another count"),
    pytest.param(("checkpoint", "at"), 0, id="another time of the checkpoint"),
    pytest.param(("checkpoint", "chain"), "acc_2", id="another chain"),
    pytest.param(("checkpoint", "key"), "k2", id="another of our keys"),
    pytest.param(("checkpoint", "key"), "k9", id="a key that nobody knows"),
    pytest.param(("checkpoint", "signature"), "AAAA", id="no signature"),
    pytest.param(("checkpoint",), None, id="no checkpoint"),
    pytest.param(("proof",), "gateway-record-proof/2", id="another format"),
]


@pytest.mark.parametrize(("path", "to"), FORGERIES)
def test_a_proof_that_was_changed_anywhere_does_not_hold(path: tuple[str | int, ...], to: object) -> None:
    assert not verify_proof(changed(a_proof(), *path, to=to), KEYS).ok


def test_a_checkpoint_of_ones_own_making_proves_nothing() -> None:
    kept = a_chain(1, checkpointed=0)
    stranger = SigningKey("k1", bytes(32))
    own = checkpoint_from("acc_1", [kept.links[0].hash], before=None, at=NOON, key=stranger)

    result = verify_proof(proof_from(kept.links[0], [kept.links[0].hash], own), KEYS)

    assert result.problem == "its checkpoint has an invalid signature"


def test_a_proof_from_after_its_keys_retirement_does_not_hold() -> None:
    retired = {"k1": PublicKey("k1", KEY.public, retired_at=0)}

    assert verify_proof(a_proof(), retired).problem == "its checkpoint was signed after its key was retired"


@pytest.mark.parametrize("nonsense", [{}, {"proof": 1}, {"record": []}, {"checkpoint": {"chain": 1}}])
def test_nonsense_is_no_proof_and_no_failure(nonsense: dict[str, Any]) -> None:
    assert verify_proof(nonsense, KEYS).problem == "not a proof of this format"


def test_a_checkpoint_of_another_chain_proves_nothing() -> None:
    kept = a_chain(1, checkpointed=0)
    elsewhere = checkpoint_from("acc_2", [kept.links[0].hash], before=None, at=NOON, key=KEY)

    result = verify_proof(proof_from(kept.links[0], [kept.links[0].hash], elsewhere), KEYS)

    assert result.problem == "its checkpoint belongs to another chain"
