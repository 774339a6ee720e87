"""`DirectoryNumbers`: the store's numbers, with their access tokens decrypted when a message needs them."""

from dataclasses import dataclass, field

from libs.chassis.telemetry import logger
from libs.providers.outgoing import NumberCredentials
from libs.store.accounts import Directory, Number
from libs.store.sealer import CannotOpen, Sealer

log = logger(__name__)
TOKEN_FIELD = "access_token"  # noqa: S105 -- a field's name
"""The field name that an access token is sealed with; its owner is the number's id."""


@dataclass(frozen=True, slots=True)
class DirectoryNumbers:
    """Numbers from `directory` (cached, so at most some seconds old); `sealer` decrypts the tokens."""

    directory: Directory
    sealer: Sealer = field(repr=False)

    async def number(self, number_id: str) -> Number | None:
        """The number with this id; None when there is none."""
        return await self.directory.number(number_id=number_id)

    def credentials(self, number: Number) -> NumberCredentials | None:
        """The credentials to send from `number`; None, and an error in the log, when its token cannot be decrypted."""
        try:
            token = self.sealer.open(number.sealed_token, owner=number.id, field_name=TOKEN_FIELD)
        except CannotOpen:
            log.error("access token cannot be decrypted", number_id=number.id)  # noqa: TRY400 -- the trace adds nothing
            return None
        return NumberCredentials(
            number_id=number.id, phone_number_id=number.phone_number_id, access_token=token, base_url=number.base_url
        )
