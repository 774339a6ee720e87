"""The sender's own ports. The ports of `libs.store` and `libs.providers` are used as they are declared there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from libs.providers.outgoing import NumberCredentials
from libs.store.accounts import Number
from services.sender.domain.forwards import ForwardResponse
from services.sender.domain.refusals import NumberPause


class Numbers(Protocol):
    """WhatsApp numbers and their credentials."""

    async def number(self, number_id: str) -> Number | None:
        """The number with this id, at most some seconds old; None when there is none."""
        ...

    def credentials(self, number: Number) -> NumberCredentials | None:
        """The credentials to send from `number`; None when its token cannot be decrypted with the configured keys."""
        ...


class NumberPauser(Protocol):
    """Pauses numbers."""

    async def pause(self, pause: NumberPause) -> bool:
        """Pause the number until an operator resumes it, and write `pause.event` to the outbox in the same step.

        False when the number is paused already, is unknown, or was edited after `pause.at`: the operator's edit stands.
        """
        ...


@dataclass(frozen=True, slots=True)
class ForwardTarget:
    """The URL of a 3CX system and the secret that signs forwards to it; neither shows in a repr."""

    url: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoForwardTarget:
    """There is no target, for `reason` (a word)."""

    reason: str


class ForwardTargets(Protocol):
    """The forward targets of integrations."""

    async def target(self, integration_id: str) -> ForwardTarget | NoForwardTarget:
        """The integration's target, at most some seconds old."""
        ...


class ForwardClient(Protocol):
    """Posts to 3CX systems."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> ForwardResponse:
        """One POST in bounded time. Raises nothing but cancellation: every fault is a response."""
        ...
