"""What audit needs besides the store's own ports; each docstring is the contract."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from libs.record.checkpoints import Checkpoint
from libs.store.subjects import SubjectKey


class Keys(Protocol):
    """The keys of the persons whom records are about."""

    async def of(self, customer_keys: Collection[str], *, new: Collection[str]) -> Mapping[str, SubjectKey]:
        """The key of each; those of `new` who have none yet are given one, which is durable when this returns."""
        ...


class Sink(Protocol):
    """A place that whoever has the database cannot reach."""

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Return once they are kept there. Raises OSError when they are not; safe to repeat."""
        ...


Recorded = Callable[[int], None]
"""Told after each batch how many records are new."""
