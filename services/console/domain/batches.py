"""`batches_of`: what `itertools.batched` does from Python 3.13 on; the gateway runs from 3.11."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batches_of(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """The items in tuples of `size`, the last one shorter; each is taken from `items` when it is asked for."""
    rest = iter(items)
    while batch := tuple(islice(rest, size)):
        yield batch
