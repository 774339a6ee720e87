"""The numbers from the store's directory, with their access tokens opened when a message needs them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from libs.store.accounts import Directory, Number
from services.sender.domain.messages import NumberCredentials

Unseal = Callable[[Number], str | None]
"""Opens a number's token; None when no key at hand fits."""


@dataclass(frozen=True, slots=True)
class DirectoryNumbers:
    """Numbers from `directory` (cached, so at most some seconds old), tokens by `unseal`."""

    directory: Directory
    unseal: Unseal = field(repr=False)

    async def number(self, number_id: str) -> Number | None:
        """The number with this id; None when there is none."""
        return await self.directory.number(number_id=number_id)

    def credentials(self, number: Number) -> NumberCredentials | None:
        """The right to send from `number`; None when its token cannot be opened."""
        token = self.unseal(number)
        if token is None:
            return None
        return NumberCredentials(
            number_id=number.id,
            phone_number_id=number.phone_number_id,
            access_token=token,
            base_url=number.base_url,
        )
