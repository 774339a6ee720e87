"""What audit needs besides the store's own ports; each docstring is the contract."""

from collections.abc import Collection, Mapping
from typing import Protocol

from libs.store.subjects import SubjectKey


class Keys(Protocol):
    """The keys of the persons whom records are about."""

    async def of(self, customer_keys: Collection[str]) -> Mapping[str, SubjectKey]:
        """The key of each; who has none yet is given one, which is durable when this returns."""
        ...
