"""`ErrorTables`: the error table of a number's provider, for codes that arrive without their call."""

from collections.abc import Mapping
from dataclasses import dataclass

from libs.providers.errors import ErrorTable
from libs.providers.provider import MessageSender
from services.sender.ports import Numbers


@dataclass(frozen=True, slots=True)
class ErrorTables:
    """Finds the provider by the number, and the table by the provider's kind."""

    numbers: Numbers
    providers: Mapping[str, MessageSender]

    async def of(self, number_id: str) -> ErrorTable:
        """The number's table; an empty one when the number or its provider is unknown.

        Raises GatewayError(gateway_unavailable) when the store fails.
        """
        number = await self.numbers.number(number_id)
        provider = None if number is None else self.providers.get(number.provider)
        return ErrorTable() if provider is None else provider.errors
