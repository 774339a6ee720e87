"""Policy's own port; the ports of `libs.store` are used directly."""

from collections.abc import Sequence
from typing import Protocol

from libs.store.accounts import Integration


class Integrations(Protocol):
    """Lists integrations, from a cache that may be some seconds old (`libs.store.directory_cache`)."""

    async def of_number(self, number_id: str) -> Sequence[Integration]:
        """Every integration of a number."""
        ...

    async def of_account(self, account_id: str) -> Sequence[Integration]:
        """Every integration of an account."""
        ...
