"""What purges leave is sound, and what only looks like one is found."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.record.checkpoints import checkpoint_from, purge_from, stored_purge_from
from libs.record.faults import FaultKind
from tests.unit.record.chains import (
    KEY,
    NOON,
    a_chain,
    altered,
    purged,
    rewritten_from,
)
from tests.unit.record.verified_chains import STRANGER, found


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
