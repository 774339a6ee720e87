"""The verifier finds and names whatever somebody with the whole database does; property tests over chance tampering."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.record.checkpoints import stored_checkpoint_from
from libs.record.faults import FaultKind
from libs.record.keys import PublicKey, SigningKey
from tests.unit.record.chains import (
    KEY,
    KEYS,
    OTHER_KEY,
    Kept,
    a_chain,
    altered,
    named,
    rehashed,
    renumbered,
    rewritten_from,
    seal,
)
from tests.unit.record.verified_chains import STRANGER, an_attacker_signs, found

sizes = st.integers(min_value=1, max_value=40)
shapes = st.tuples(sizes, st.integers(min_value=1, max_value=12), st.data())


@given(sizes, st.integers(min_value=1, max_value=12), st.data())
def test_a_chain_that_nobody_touched_is_sound(size: int, every: int, data: st.DataObject) -> None:
    sealed = data.draw(st.integers(min_value=0, max_value=size))
    kept = a_chain(size, every=every, checkpointed=sealed)
    kept.shipped = kept.checkpoints[: data.draw(st.integers(min_value=0, max_value=len(kept.checkpoints)))]

    verdict = kept.verified(page=data.draw(st.integers(min_value=1, max_value=50)))

    assert verdict.ok
    assert (verdict.records, verdict.checkpointed, verdict.checkpoints) == (size, sealed, len(kept.checkpoints))


Tamper = Callable[[Kept, int, st.DataObject], tuple[FaultKind, int]]


def alter(kept: Kept, at: int, data: st.DataObject) -> tuple[FaultKind, int]:
    kept.links[at] = altered(kept.links[at])
    return FaultKind.ALTERED, at + 1


def remove(kept: Kept, at: int, data: st.DataObject) -> tuple[FaultKind, int]:
    last = at == len(kept.links) - 1
    del kept.links[at]
    return (FaultKind.TRUNCATED if last else FaultKind.REMOVED), at + 1


def remove_and_renumber(kept: Kept, at: int, data: st.DataObject) -> tuple[FaultKind, int]:
    last = at == len(kept.links) - 1
    kept.links[at:] = renumbered(kept.links[at + 1 :], at + 1)
    return (FaultKind.TRUNCATED if last else FaultKind.REMOVED), at + 1


def insert_a_forgery(kept: Kept, at: int, data: st.DataObject) -> tuple[FaultKind, int]:
    forged = named(kept.links[at], "forged")
    if data.draw(st.booleans(), label="well hashed"):
        forged = rehashed(forged)
    kept.links[at:] = [forged, *renumbered(kept.links[at:], at + 2)]
    kept.claimed = len(kept.links)
    return FaultKind.INSERTED, at + 1


def insert_a_copy(kept: Kept, at: int, data: st.DataObject) -> tuple[FaultKind, int]:
    copied = kept.links[data.draw(st.integers(min_value=0, max_value=at))]
    # Which of two equal neighbours is the copy nobody can tell; where a next one follows, the second is named.
    is_second = copied.seq == at + 1 < len(kept.links)
    kept.links[at:] = [copied._replace(seq=at + 1), *renumbered(kept.links[at:], at + 2)]
    kept.claimed = len(kept.links)
    return FaultKind.INSERTED, at + 2 if is_second else at + 1


def swap_places(kept: Kept, at: int, data: st.DataObject) -> tuple[FaultKind, int]:
    other = data.draw(st.integers(min_value=0, max_value=len(kept.links) - 1).filter(lambda n: n != at))
    low, high = sorted((at, other))
    links = kept.links
    links[low], links[high] = links[high]._replace(seq=low + 1), links[low]._replace(seq=high + 1)
    return FaultKind.REORDERED, low + 1


@pytest.mark.parametrize("tamper", [alter, remove, remove_and_renumber, insert_a_forgery, insert_a_copy, swap_places])
@given(size=st.integers(min_value=2, max_value=30), every=st.integers(min_value=1, max_value=12), data=st.data())
def test_whatever_is_done_to_records_is_found_and_named(
    tamper: Tamper, size: int, every: int, data: st.DataObject
) -> None:
    kept = a_chain(size, every=every, checkpointed=data.draw(st.integers(min_value=0, max_value=size)))
    at = data.draw(st.integers(min_value=0, max_value=size - 1))

    expected = tamper(kept, at, data)

    assert found(kept) == expected


@given(size=st.integers(min_value=2, max_value=30), every=st.integers(min_value=1, max_value=12), data=st.data())
def test_a_record_that_was_altered_with_its_hash_is_named_when_others_follow(
    size: int, every: int, data: st.DataObject
) -> None:
    kept = a_chain(size, every=every)
    at = data.draw(st.integers(min_value=0, max_value=size - 1))
    kept.links[at] = rehashed(altered(kept.links[at]))

    fault = found(kept)

    follows = at + 1 < size
    assert fault == ((FaultKind.ALTERED, at + 1) if follows else (FaultKind.REWRITTEN, kept.checkpoints[-1].first))


@given(size=st.integers(min_value=1, max_value=30), every=st.integers(min_value=1, max_value=12), data=st.data())
def test_records_that_were_rewritten_hashes_and_all_contradict_their_checkpoint(
    size: int, every: int, data: st.DataObject
) -> None:
    kept = a_chain(size, every=every)
    at = data.draw(st.integers(min_value=0, max_value=size - 1))
    kept.links[at] = altered(kept.links[at])
    kept.links[at:] = rewritten_from(kept.links[at:])

    assert found(kept) == (FaultKind.REWRITTEN, next(c.first for c in kept.checkpoints if c.last > at))


@given(size=st.integers(min_value=2, max_value=30), every=st.integers(min_value=1, max_value=12), data=st.data())
def test_two_tamperings_are_told_by_the_first(size: int, every: int, data: st.DataObject) -> None:
    kept = a_chain(size, every=every)
    first, second = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=2, max_size=2)))
    kept.links[second] = altered(kept.links[second], code="later")
    kept.links[first] = altered(kept.links[first])

    assert found(kept) == (FaultKind.ALTERED, first + 1)


def test_a_checkpoint_that_a_stranger_signed_under_our_keys_name_is_forged() -> None:
    kept = a_chain(12)
    an_attacker_signs(kept, STRANGER)

    assert found(kept) == (FaultKind.FORGED_CHECKPOINT, 1)


def test_a_checkpoint_of_a_key_that_nobody_trusts_is_named_so() -> None:
    kept = a_chain(12)
    an_attacker_signs(kept, SigningKey("evil", bytes(32)))

    assert found(kept) == (FaultKind.UNKNOWN_KEY, 1)


def test_who_has_the_key_and_the_database_is_caught_by_what_was_shipped_out() -> None:
    kept = a_chain(12)
    kept.shipped = kept.checkpoints[:2]
    an_attacker_signs(kept, KEY)

    assert found(replace(kept, shipped=[])) is None
    assert found(kept) == (FaultKind.REWRITTEN, 1)


def test_a_signature_later_than_its_keys_retirement_does_not_count() -> None:
    kept = a_chain(12)
    retired = {**KEYS, "k1": PublicKey("k1", KEY.public, retired_at=kept.checkpoints[1].at)}

    fault = kept.verified(retired).first_fault

    assert fault is not None
    assert (fault.kind, fault.seq, fault.checkpoint) == (FaultKind.RETIRED_KEY, 11, 3)


def test_a_key_that_was_retired_later_still_vouches_for_what_it_signed() -> None:
    kept = a_chain(12, checkpointed=10)
    seal(kept, kept.links[10:], key=OTHER_KEY)
    retired = {**KEYS, "k1": PublicKey("k1", KEY.public, retired_at=kept.checkpoints[1].at)}

    assert kept.verified(retired).ok


@pytest.mark.parametrize(
    ("cut_links", "cut_checkpoints", "expected"),
    [
        pytest.param(9, 1, (FaultKind.TRUNCATED, 10), id="records and checkpoints from within a checkpoint's run on"),
        pytest.param(5, 1, (FaultKind.TRUNCATED, 6), id="records and checkpoints at a checkpoint"),
        pytest.param(0, 0, (FaultKind.TRUNCATED, 1), id="everything"),
        pytest.param(12, 2, (FaultKind.REMOVED_CHECKPOINT, 11), id="a checkpoint alone"),
    ],
)
def test_a_cut_tail_is_found_with_what_was_shipped_out(
    cut_links: int, cut_checkpoints: int, expected: tuple[FaultKind, int]
) -> None:
    whole = a_chain(12)
    kept = replace(whole, links=whole.links[:cut_links], checkpoints=whole.checkpoints[:cut_checkpoints])
    kept.claimed = cut_links

    assert found(kept) is None
    kept.shipped = whole.checkpoints
    assert found(kept) == expected


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        pytest.param(lambda c: [c[0], c[0], *c[1:]], (FaultKind.FORGED_CHECKPOINT, 6), id="one is replayed"),
        pytest.param(lambda c: [c[1], *c[1:]], (FaultKind.REMOVED_CHECKPOINT, 1), id="the first is gone"),
        pytest.param(lambda c: [c[0], c[2]], (FaultKind.REMOVED_CHECKPOINT, 6), id="one in the middle is gone"),
        pytest.param(lambda c: [c[1], c[0], c[2]], (FaultKind.REMOVED_CHECKPOINT, 1), id="two change places"),
        pytest.param(
            lambda c: [c[0], replace(c[1], root=bytes(32)), c[2]], (FaultKind.FORGED_CHECKPOINT, 6), id="another root"
        ),
        pytest.param(lambda c: [c[0], replace(c[1], at=0), c[2]], (FaultKind.FORGED_CHECKPOINT, 6), id="another time"),
        pytest.param(
            lambda c: [c[0], replace(c[1], previous=bytes(32)).signed_with(KEY), c[2]],
            (FaultKind.FORGED_CHECKPOINT, 6),
            id="well signed, behind another one",
        ),
        pytest.param(
            lambda c: [c[0], replace(c[1], last=11).signed_with(KEY), c[2]],
            (FaultKind.FORGED_CHECKPOINT, 6),
            id="well signed, with a wrong count",
        ),
        pytest.param(
            lambda c: [c[0], stored_checkpoint_from("{junk", chain="acc_1", number=2), c[2]],
            (FaultKind.FORGED_CHECKPOINT, 6),
            id="unreadable",
        ),
        pytest.param(
            lambda c: [a_chain(5, chain="acc_2").checkpoints[0], *c[1:]],
            (FaultKind.FORGED_CHECKPOINT, 1),
            id="of another chain",
        ),
    ],
)
def test_whatever_is_done_to_checkpoints_is_found_and_named(
    tamper: Callable[[list[object]], list[object]], expected: tuple[FaultKind, int]
) -> None:
    kept = a_chain(12)

    kept.checkpoints = tamper([*kept.checkpoints])  # type: ignore[assignment]  # a table of cases

    assert found(kept) == expected


def test_the_fault_of_a_record_comes_before_that_of_a_later_checkpoint() -> None:
    kept = a_chain(12)
    kept.links[7] = altered(kept.links[7])
    kept.checkpoints[2] = replace(kept.checkpoints[2], at=0)

    assert found(kept) == (FaultKind.ALTERED, 8)
