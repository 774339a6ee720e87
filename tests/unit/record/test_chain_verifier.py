"""The verifier finds and names whatever somebody with the whole database does; property tests over chance tampering."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.record.canonical import FIELDS, Link
from libs.record.chain_verifier import ChainVerifier
from libs.record.checkpoints import checkpoint_from, purge_from, stored_checkpoint_from, stored_purge_from
from libs.record.faults import FaultKind
from libs.record.keys import PublicKey, SigningKey
from tests.unit.record.chains import (
    KEY,
    KEYS,
    NOON,
    OTHER_KEY,
    Kept,
    a_chain,
    altered,
    named,
    purged,
    rehashed,
    renumbered,
    rewritten_from,
    seal,
)

STRANGER = SigningKey("k1", bytes(32))
"""Somebody's own key under the name of ours."""


def found(kept: Kept) -> tuple[FaultKind, int | None] | None:
    fault = kept.verified().first_fault
    return None if fault is None else (fault.kind, fault.seq)


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


def an_attacker_signs(kept: Kept, key: SigningKey, *, every: int = 5) -> None:
    """Rewrite everything and sign it anew."""
    kept.links[1] = altered(kept.links[1])
    kept.links[:] = rewritten_from(kept.links)
    kept.checkpoints.clear()
    for start in range(0, len(kept.links), every):
        seal(kept, kept.links[start : start + every], key=key)


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


# ---------------------------------------------------------------- purges


@given(st.integers(min_value=1, max_value=3), st.integers(min_value=0, max_value=5))
def test_what_a_purge_leaves_is_sound_also_when_it_was_interrupted(number: int, left: int) -> None:
    kept = purged(a_chain(17), number, left=left)

    verdict = kept.verified()

    assert verdict.ok
    assert verdict.records == 17 - 5 * number + left


def test_a_chain_of_which_everything_was_purged_is_sound() -> None:
    kept = purged(a_chain(15), 3)

    assert kept.links == []
    assert kept.verified().ok


def test_a_beginning_that_is_cut_off_without_a_purge_is_removed() -> None:
    kept = a_chain(12)
    del kept.links[:5]

    assert found(kept) == (FaultKind.REMOVED, 1)


def test_more_cut_off_than_was_purged_is_removed() -> None:
    kept = purged(a_chain(17), 1)
    del kept.links[:3]

    assert found(kept) == (FaultKind.REMOVED, 6)


@pytest.mark.parametrize("left", [0, 3])
def test_a_record_behind_a_purge_is_watched_like_any_other(left: int) -> None:
    kept = purged(a_chain(17), 2, left=left)
    kept.links[left + 1] = altered(kept.links[left + 1])

    assert found(kept) == (FaultKind.ALTERED, 12)


def test_a_record_that_an_interrupted_purge_left_cannot_be_changed_unseen() -> None:
    kept = purged(a_chain(17), 2, left=3)
    kept.links[:3] = rewritten_from([altered(kept.links[0]), *kept.links[1:3]])

    assert found(kept) == (FaultKind.REWRITTEN, 10)


@pytest.mark.parametrize(
    ("purge", "expected"),
    [
        pytest.param(
            purge_from(a_chain(10).checkpoints[1], at=NOON, key=STRANGER),
            (FaultKind.FORGED_PURGE, 10),
            id="a stranger signed it",
        ),
        pytest.param(
            purge_from(a_chain(10, chain="acc_2").checkpoints[1], at=NOON, key=KEY),
            (FaultKind.FORGED_PURGE, 10),
            id="it is another chain's",
        ),
        pytest.param(stored_purge_from("junk", chain="acc_1"), (FaultKind.FORGED_PURGE, 0), id="it cannot be read"),
        pytest.param(
            purge_from(checkpoint_from("acc_1", [bytes(32)] * 10, before=None, at=0, key=KEY), at=NOON, key=KEY),
            (FaultKind.FORGED_PURGE, 10),
            id="the checkpoint there says otherwise",
        ),
    ],
)
def test_a_purge_that_never_was_is_forged(purge: object, expected: tuple[FaultKind, int]) -> None:
    kept = a_chain(17)
    kept = replace(kept, purge=purge, links=kept.links[10:])  # type: ignore[arg-type]  # a table of cases

    assert found(kept) == expected


# ---------------------------------------------------------------- what no schema allows


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
