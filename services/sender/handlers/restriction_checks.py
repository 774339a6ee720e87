"""`CheckRestrictions`: what becomes of a message that a restriction forbids: held, refused, or sent as a trial."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from libs.chassis.clock import Clock
from libs.chassis.settlement import RetryLater
from libs.contracts.events import MessageApproved
from libs.contracts.stored_times import is_from_the_future
from libs.store.restriction_effects import CREDENTIALS, TRIAL_AFTER, probe_is_due
from libs.store.restriction_events import lifted_events
from libs.store.restrictions import Restriction, Restrictions
from libs.store.statuses import Statuses
from services.sender import metrics
from services.sender.domain.holds import held_until, hold_pause
from services.sender.handlers.result_writer import ResultWriter

PROBE = "probe"
ANSWERED_PENDING = timedelta(seconds=10)
"""The caller of an older message has its answer: ingress answers 202 after 8 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRestrictions:
    """The same functions decide as in policy, so a message that policy refuses is not sent, and the other way round."""

    restrictions: Restrictions
    statuses: Statuses
    results: ResultWriter
    clock: Clock
    hold: timedelta
    """How long an approved message is held while the number's credentials are refused."""

    async def hold_before_claim(self, approved: MessageApproved, found: Restriction | None) -> None:
        """Hold a message of a number whose credentials are refused, without a claim, a slot or a try.

        Raises RetryLater while the hold lasts. A message that has a result already is not held.
        """
        if found is None or not self.holds(found) or not self.lasts(approved):
            return
        message = await self.results.retry(lambda: self.statuses.find(str(approved.event_id)))
        if message is None or message.outcome is None:
            self.hold_on(approved)

    def hold_on(self, approved: MessageApproved) -> None:
        """Raises RetryLater: the message is looked at again after a pause."""
        metrics.MESSAGES_HELD.inc()
        pause = hold_pause(approved.received_at, held_until(approved, self.hold), self.clock())
        raise RetryLater("the number's credentials are refused", after=pause)

    def wait_for_slot(self, approved: MessageApproved, retry_after: float) -> None:
        """Raises RetryLater for a message whose caller was answered 202: many that were held become free at once.

        The caller of a younger one still waits and is told to send again.
        """
        if self.clock() - approved.received_at >= ANSWERED_PENDING and self.lasts(approved):
            raise RetryLater("the number is busy with messages that were held", after=timedelta(seconds=retry_after))

    def lasts(self, approved: MessageApproved) -> bool:
        """Whether the message may still be held. The hold began with the event, so no restart prolongs it.

        A message from the future has been held for long enough: the clock was set back since it came.
        """
        now = self.clock()
        return now < held_until(approved, self.hold) and not is_from_the_future(approved.received_at, now)

    def holds(self, found: Restriction) -> bool:
        """Whether the restriction holds messages now, rather than refusing them or letting one try."""
        return found.kind in CREDENTIALS and not probe_is_due(found, self.clock())

    def forbids_for_good(self, found: Restriction) -> bool:
        """Whether the restriction refuses the message: it is not one of those that hold messages."""
        return found.kind not in CREDENTIALS

    async def is_trial(self, found: Restriction) -> bool:
        """Take the right to try one message against the restriction; of all processes one gets it."""
        now = self.clock()
        if not probe_is_due(found, now):
            return False
        next_at = now + TRIAL_AFTER[found.kind]
        return await self.results.retry(lambda: self.restrictions.claim_probe(found, now=now, next_at=next_at))

    async def lift_after_trial(self, found: Restriction, event_id: UUID) -> None:
        """WhatsApp took the trial message: the restriction ends. Safe to repeat: it ends once."""
        now: datetime = self.clock()
        events = lifted_events(event_id, at=now, by=PROBE)
        lift = self.restrictions.lift
        await self.results.retry(lambda: lift(found.account_id, found.subject, found.kind, at=now, events=events))
