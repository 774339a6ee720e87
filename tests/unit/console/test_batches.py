from itertools import count, islice

import pytest

from services.console.domain.batches import batches_of


@pytest.mark.parametrize(
    ("items", "batches"),
    [([], []), ([1], [(1,)]), ([1, 2], [(1, 2)]), ([1, 2, 3], [(1, 2), (3,)]), ([1, 2, 3, 4], [(1, 2), (3, 4)])],
)
def test_every_item_is_in_one_batch_in_order(items: list[int], batches: list[tuple[int, ...]]) -> None:
    assert list(batches_of(items, 2)) == batches


def test_no_more_is_taken_than_a_batch() -> None:
    numbers = count()

    assert list(islice(batches_of(numbers, 3), 2)) == [(0, 1, 2), (3, 4, 5)]
    assert next(numbers) == 6
