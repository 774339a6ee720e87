"""What the gateway does about a refusal beyond the one message: close a window, stop marketing, pause, slow down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.contracts.events import Event
from libs.contracts.pacing import bucket_key
from libs.store.ledger import Pacing
from services.sender import metrics
from services.sender.domain.consequences import PAUSING, About, marketing_stop_from, pause_from, stop_told_from
from services.sender.domain.steps import HALF
from services.sender.domain.verdicts import Effect, Judgement
from services.sender.ports import Pauses, Stops, Windows

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """Safe to repeat: every effect is named or dated by the message it comes from."""

    windows: Windows
    stops: Stops
    pauses: Pauses
    pacing: Pacing
    clock: Clock

    async def __call__(self, judgement: Judgement, about: About) -> Sequence[Event]:
        """Do what follows from the verdict; the events that tell 3CX's side of it."""
        said: Sequence[Event] = ()
        if judgement.effect is Effect.CLOSE_WINDOW:
            await self.windows.window_closed(about.number_id, about.customer_key, about.at)
        if judgement.effect is Effect.SUPPRESS_MARKETING:
            said = await self._stop_marketing(about)
        if judgement.effect in PAUSING and await self.pauses.pause(pause_from(about, judgement.meaning)):
            metrics.NUMBERS_PAUSED.inc()
            log.error("number paused by whatsapp", number_id=about.number_id, provider_code=about.code)
        await self._hold(judgement, about)
        return said

    async def _stop_marketing(self, about: About) -> Sequence[Event]:
        wanted = marketing_stop_from(about)
        stands = await self.stops.suppress(wanted, ())
        return (stop_told_from(about, stands),) if stands.id == wanted.id else ()

    async def _hold(self, judgement: Judgement, about: About) -> None:
        """Hold the bucket that WhatsApp says is too fast, unless that time is over."""
        if judgement.scope is None or judgement.wait_s is None:
            return
        until = about.at + timedelta(seconds=judgement.wait_s)
        if until <= self.clock():
            return
        key = bucket_key(
            judgement.scope.value,
            account_id=about.account_id or "",
            number_id=about.number_id,
            customer_key=about.customer_key,
        )
        factor = HALF if judgement.effect is Effect.SLOW_NUMBER else 1.0
        await self.pacing.hold(scope=judgement.scope.value, key=key, until=until, slow_down=factor)
