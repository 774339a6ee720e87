"""What policy needs besides the store's own ports; each docstring is the contract."""

from collections.abc import Sequence
from typing import Protocol

from libs.store.accounts import Integration


class Concerned(Protocol):
    """Knows whose 3CX systems something concerns (`libs.store.cached.CachedIntegrations` does)."""

    async def of_number(self, number_id: str) -> Sequence[Integration]:
        """Every integration of a number, at most some seconds old."""
        ...

    async def of_account(self, account_id: str) -> Sequence[Integration]:
        """Every integration of an account, at most some seconds old."""
        ...
