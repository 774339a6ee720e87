"""The numbers from the store's directory, with their access tokens opened when a message needs them."""

from dataclasses import dataclass, field

from libs.chassis.telemetry import logger
from libs.store.accounts import Directory, Number
from libs.store.sealing import CannotOpen, Sealer
from services.sender.domain.messages import NumberCredentials

log = logger(__name__)
TOKEN_FIELD = "access_token"  # noqa: S105 -- a field's name
"""What a number's token is sealed as; the owner is the number's id."""


@dataclass(frozen=True, slots=True)
class DirectoryNumbers:
    """Numbers from `directory` (cached, so at most some seconds old), tokens opened by `sealer`."""

    directory: Directory
    sealer: Sealer = field(repr=False)

    async def number(self, number_id: str) -> Number | None:
        """The number with this id; None when there is none."""
        return await self.directory.number(number_id=number_id)

    def credentials(self, number: Number) -> NumberCredentials | None:
        """The right to send from `number`; None (and a line in the log) when its token cannot be opened."""
        try:
            token = self.sealer.open(number.sealed_token, owner=number.id, field_name=TOKEN_FIELD)
        except CannotOpen:
            log.error("token cannot be opened", number_id=number.id)  # noqa: TRY400 -- the trace tells nothing more
            return None
        return NumberCredentials(
            number_id=number.id,
            phone_number_id=number.phone_number_id,
            access_token=token,
            base_url=number.base_url,
        )
