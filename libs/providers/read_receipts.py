"""Read receipts: the business tells WhatsApp that it has read a customer's message."""

from typing import Protocol

from libs.providers.outgoing import NumberCredentials


class ReadReceipts(Protocol):
    """Marks messages as read at a provider."""

    async def mark_read(self, number: NumberCredentials, message_id: str, *, typing: bool = False) -> bool:
        """Mark a customer's message, and with it the earlier ones of the chat: one call in bounded time.

        With `typing` the customer also sees that somebody is typing, until the reply comes or for 25 seconds.
        False when the provider does not confirm it. Raises nothing but cancellation, and never repeats the call.
        """
        ...
