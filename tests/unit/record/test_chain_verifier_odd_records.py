"""Records and checkpoints that no schema allows, or that only the owner of a key can make."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from libs.record.canonical import FIELDS, Link
from libs.record.chain_verifier import ChainVerifier
from libs.record.faults import FaultKind
from tests.unit.record.chains import (
    KEY,
    KEYS,
    NOON,
    Kept,
    a_chain,
    rewritten_from,
    seal,
)
from tests.unit.record.verified_chains import an_attacker_signs, found


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"seq": None}, id="no place"),
        pytest.param({"seq": "3"}, id="a place in words"),
        pytest.param({"previous": None}, id="no predecessor"),
        pytest.param({"hash": None}, id="no hash"),
        pytest.param({"hash": "text"}, id="a hash in words"),
    ],
)
def test_what_no_schema_allows_is_a_fault_and_no_failure(odd: dict[str, object]) -> None:
    kept = a_chain(12)
    kept.links[2] = kept.links[2]._replace(**odd)  # type: ignore[arg-type]  # that is the point
    kept.claimed = 12

    fault = found(kept)

    assert fault is not None
    assert fault[1] == 3


def test_a_value_of_another_kind_is_altered() -> None:
    kept = a_chain(12)
    kept.links[2] = kept.links[2]._replace(values=[b"bytes", *kept.links[2].values[1:]])  # type: ignore[list-item]

    assert found(kept) == (FaultKind.ALTERED, 3)


def test_a_record_beyond_what_the_chain_has_is_inserted() -> None:
    kept = a_chain(12, checkpointed=10)
    kept.claimed = 11

    assert found(kept) == (FaultKind.INSERTED, 12)


def test_an_end_that_a_checkpoint_contradicts_is_altered_and_no_record_is_blamed() -> None:
    kept = a_chain(12)
    kept.claimed = 11

    assert found(kept) == (FaultKind.ALTERED_END, 12)


def test_a_stored_hash_of_the_end_that_is_not_the_last_records_is_named() -> None:
    kept = a_chain(12)
    verifier = ChainVerifier(kept.chain, keys=KEYS, claimed=12, tail=bytes(32))
    verifier.links(kept.links)

    fault = verifier.end().first_fault

    assert fault is not None
    assert (fault.kind, fault.seq) == (FaultKind.ALTERED_END, 12)


def test_records_that_changed_places_are_named_however_far_apart_they_are() -> None:
    kept = a_chain(700, checkpointed=0)
    first, last = kept.links[9], kept.links[599]
    kept.links[9], kept.links[599] = last._replace(seq=10), first._replace(seq=600)

    assert found(kept) == (FaultKind.REORDERED, 10)


def test_a_checkpoint_that_says_it_is_older_than_the_one_before_it_is_forged() -> None:
    kept = a_chain(10)
    kept.checkpoints[1] = replace(kept.checkpoints[1], at=kept.checkpoints[0].at - 1).signed_with(KEY)

    assert found(kept) == (FaultKind.FORGED_CHECKPOINT, 6)


def test_a_retired_key_covers_no_record_that_was_recorded_after_its_retirement() -> None:
    """Whoever stole it chooses the checkpoint's time, not that of the records."""
    kept = a_chain(10, checkpointed=0)
    for at, link in enumerate(kept.links):
        kept.links[at] = link._replace(values=[*link.values[:-2], "sender", NOON + 5_000])
    kept.links = rewritten_from(kept.links)
    seal(kept, kept.links)
    keys = {**KEYS, KEY.kid: replace(KEYS[KEY.kid], retired_at=NOON + 2_000)}

    fault = kept.verified(keys).first_fault

    assert kept.verified().ok
    assert fault is not None
    assert (fault.kind, fault.seq) == (FaultKind.RETIRED_KEY, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", b"record-3"), ("at", float(NOON)), ("at", True), ("details", None), ("producer", "sender"), ("code", 5)],
)
def test_a_value_of_another_type_is_altered_even_when_its_hash_was_made_anew(field: str, value: object) -> None:
    kept = a_chain(5, checkpointed=0)
    told: list[Any] = list(kept.links[2].values)
    told[FIELDS.index(field)] = value
    kept.links[2] = kept.links[2]._replace(values=told)
    with suppress(ValueError):  # no hash of bytes
        kept.links[2:] = rewritten_from(kept.links[2:])

    assert found(kept) == (FaultKind.ALTERED, 3)


def test_flagged_records_are_counted_and_are_no_fault() -> None:
    kept = a_chain(6, checkpointed=0)
    for at, details in ((1, '{"backdated":true}'), (2, '{"x":{"backdated":true}}'), (3, '"backdated":true')):
        told = list(kept.links[at].values)
        told[FIELDS.index("details")] = details
        kept.links[at] = kept.links[at]._replace(values=told)
    kept.links = rewritten_from(kept.links)

    result = kept.verified()

    assert (result.ok, result.backdated) == (True, 1)


def test_the_state_says_what_vouches_for_a_sound_record() -> None:
    sealed, partly, never = a_chain(10), a_chain(10, checkpointed=5), a_chain(10, checkpointed=0)
    sealed.shipped = [*sealed.checkpoints]
    lagging = a_chain(10)
    lagging.shipped = lagging.checkpoints[:1]

    states = [each.verified().state for each in (sealed, a_chain(10), lagging, partly, never)]

    assert states == ["sealed", "unshipped", "unshipped", "unsealed", "unsealed"]


def test_a_chain_cannot_be_passed_off_as_another() -> None:
    kept = a_chain(12, checkpointed=0)
    moved = [Link(*link[:3], [*link.values[:3], "acc_2", *link.values[4:]]) for link in kept.links]

    assert Kept("acc_2", moved, []).verified().first_fault is not None
    assert Kept("acc_2", kept.links, []).verified().first_fault is not None


# ---------------------------------------------------------------- what only somebody with the key could make


def test_a_record_of_another_account_does_not_belong_however_well_it_is_chained() -> None:
    kept = a_chain(6, checkpointed=0)
    told = list(kept.links[3].values)
    told[3] = "acc_2"
    kept.links[3] = kept.links[3]._replace(values=told)
    kept.links[3:] = rewritten_from(kept.links[3:])

    fault = found(kept)

    assert fault is not None
    assert fault[1] in {3, 4}


@pytest.mark.parametrize("wrong", [{"root": bytes(32)}, {"head": bytes(32)}], ids=["its root", "its head"])
def test_a_well_signed_checkpoint_must_fit_its_records(wrong: dict[str, bytes]) -> None:
    kept = a_chain(10)
    kept.checkpoints[1] = replace(kept.checkpoints[1], **wrong).signed_with(KEY)  # type: ignore[arg-type]

    assert found(kept) == (FaultKind.REWRITTEN, 6)


def test_a_checkpoint_that_differs_from_its_shipped_copy_in_anything_is_rewritten() -> None:
    kept = a_chain(5)
    kept.shipped = [replace(kept.checkpoints[0], at=1).signed_with(KEY)]

    assert found(kept) == (FaultKind.REWRITTEN, 1)


def test_records_must_agree_with_a_shipped_checkpoint_whose_number_was_never_given_again() -> None:
    kept = a_chain(15)
    kept.shipped = kept.checkpoints[2:]
    an_attacker_signs(kept, KEY, every=15)

    assert found(kept) == (FaultKind.REWRITTEN, 11)
