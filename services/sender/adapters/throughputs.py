"""`RegistryThroughputs`: raises a number's send rate to what its provider says, in the registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from libs.chassis.settlement import NotFoundYet
from libs.chassis.spans import Kind, span
from libs.chassis.telemetry import logger
from libs.contracts.errors import unavailable
from libs.contracts.events import NumberChanged
from libs.contracts.send_rates import NUMBER_PER_SECOND
from libs.providers.outcomes import NotSent, OutcomeUnknown, Usable
from libs.providers.provider import MessageSender
from libs.store.accounts import Directory, Number, Registry
from libs.store.outbox import OutboxEvent
from services.sender.ports import Numbers

log = logger(__name__)
PROVIDER = "provider"
_TRIES = 5
_LONGEST_WAIT = timedelta(hours=1)
"""How long a notice about a number's throughput waits for its provider to be reached."""


@dataclass(frozen=True, slots=True)
class RegistryThroughputs:
    """Edits the row that `directory` reads, which must not be cached. The console publishes the outbox."""

    directory: Directory
    registry: Registry
    numbers: Numbers
    providers: Mapping[str, MessageSender]

    async def raise_to_providers(self, number: Number, *, cause: UUID, at: datetime) -> None:
        """As `Throughputs.raise_to_providers`."""
        provider, credentials = self.providers.get(number.provider), self.numbers.credentials(number)
        if provider is None or credentials is None:
            return
        with span("GET", Kind.CLIENT):
            outcome = await provider.probe(credentials, throughput=True)
        if isinstance(outcome, NotSent | OutcomeUnknown):
            raise NotFoundYet("the number's provider does not tell its throughput", longest=_LONGEST_WAIT)
        wanted = outcome.messages_per_second if isinstance(outcome, Usable) else None
        if wanted is not None:
            await self._raise(number.id, wanted, cause, at)

    async def _raise(self, number_id: str, wanted: float, cause: UUID, at: datetime) -> None:
        for _ in range(_TRIES):
            number = await self.directory.number(number_id=number_id)
            if number is None or number.messages_per_second != NUMBER_PER_SECOND or wanted <= NUMBER_PER_SECOND:
                return  # any other rate is an operator's
            raised = number.model_copy(update={"messages_per_second": wanted, "version": number.version + 1})
            if await self.registry.save(raised, [_event(number, wanted, cause, at)], created=False):
                log.info("throughput raised", number_id=number_id, messages_per_second=wanted)
                return
        raise unavailable("store")


def _event(number: Number, wanted: float, cause: UUID, at: datetime) -> OutboxEvent:
    changes = {"messages_per_second": {"old": number.messages_per_second, "new": wanted}}
    event = NumberChanged(account_id=number.account_id, number_id=number.id, actor=PROVIDER, changes=changes)
    event_id = uuid5(cause, f"{event.name}:{number.id}:{number.version}")
    return OutboxEvent(str(event_id), event.name, event.model_dump_json(exclude_none=True).encode(), at.timestamp())
