"""One message's way to WhatsApp: claim, call, note, and all over again only where it was surely not taken.

The rule: the ledger knows of every call before it is made. A crash at any line leaves an entry from which the next
delivery concludes the truth: nothing, `waiting` (may go on), `calling` (unknown once its lease ends), `finished`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from libs.chassis.settling import Later
from libs.contracts.decisions import CONFIRMATION
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved
from libs.contracts.identity import do_not_contact
from libs.contracts.pacing import NUMBER_PER_SECOND, bucket_key, number_burst
from libs.store.accounts import Number
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.ledger import Behind, Claim, Claimed, Finished, Held, Lapsed, Pace, TooFast
from services.sender import metrics
from services.sender.domain.learning import learnt_from
from services.sender.domain.results import Result, failed, result_from, throttled, told_how, unknown
from services.sender.domain.steps import Again, Done, SlowDown, Tally
from services.sender.domain.verdicts import Effect
from services.sender.handlers.calling import Call
from services.sender.handlers.noting import HELD, Note
from services.sender.handlers.preparing import Prepare
from services.sender.handlers.surroundings import Surroundings, Terms

_IN_LINE_S = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds between looks at whether an earlier message is done; the last one is repeated."""
_MOST_IN_LINE = 10_000
_BACK_IN_LINE = timedelta(seconds=1)
FRESH = timedelta(seconds=2)
"""How old a webhook may be for its decision to be trusted unasked: as long as a short wait is smoothed over."""
_AFTER_PAUSE_S = 1.0
"""How long after a pause's end others leave a waiting message to the sender that paused."""


@dataclass(slots=True)
class _Progress:
    """How far this run has come: when it began, throttled calls, seconds waited, and when it may go on."""

    begun: float
    throttles: int = 0
    waited: float = 0.0
    not_before: float = 0.0
    looks: int = 0
    in_line: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Brings one approved message to its end, whatever happened to it before."""

    around: Surroundings
    prepare: Prepare
    call: Call
    note: Note
    terms: Terms
    _behind_since: dict[UUID, datetime] = field(default_factory=dict)
    """Since when messages have been waiting in this process for one that nobody had claimed."""

    async def __call__(self, approved: MessageApproved) -> Result:
        """Deliver at most once. Raises Later while another holds the message, GatewayError while the store is away."""
        known = self.note.unsaved.get(approved.event_id)
        if known is not None:
            return await self.note(approved, known)
        number = await self.prepare.numbers.number(approved.number_id)
        progress = _Progress(begun=self.around.monotonic())
        while True:
            result = await self._once(approved, number, progress)
            if result is not None:
                return result

    async def _once(self, approved: MessageApproved, number: Number | None, progress: _Progress) -> Result | None:
        """Claim and call once; None when the message may go again."""
        answer = await self.around.ledger.claim(self._claim(approved, number, progress))
        if not isinstance(answer, Behind):
            self._behind_since.pop(approved.event_id, None)
            if progress.in_line:
                metrics.IN_LINE_SECONDS.observe(progress.in_line)
                progress.in_line = 0.0
        match answer:
            case Claimed():
                return await self._claimed(approved, number, progress, answer)
            case Finished(outcome):
                return await self.note.settled(approved, result_from(outcome))
            case TooFast(retry_after, scope):
                return await self.note(approved, throttled(retry_after, scope))
            case Lapsed(attempt):
                return await self.note(approved, await self._learnt(approved, unknown("sender_stopped"), attempt))
            case Behind():
                await self._stand_in_line(approved, progress)
                return None
            case Held():
                raise Later("the message is held by another delivery", after=HELD)

    async def _claimed(
        self, approved: MessageApproved, number: Number | None, progress: _Progress, claimed: Claimed
    ) -> Result | None:
        await self._wait(progress, claimed.wait)
        if await self._opted_out_meanwhile(approved):
            return await self.note(approved, failed("opted_out_while_waiting", ErrorCode.RECIPIENT_SUPPRESSED))
        ready = self.prepare(approved, number, now=self.around.clock())
        if isinstance(ready, Result):
            return await self.note(approved, ready)
        attempts = claimed.attempt - progress.throttles
        step = await self.call(ready, lambda: Tally(attempts, self.around.monotonic() - progress.begun))
        match step:
            case Done(result, effect):
                if effect is Effect.CLOSE_WINDOW:
                    await self._close_window(approved)
                if result.unknown:
                    result = await self._learnt(approved, result, attempts)
                return await self.note(approved, told_how(ready.outgoing, result))
            case Again(pause_s):
                await self._surely_failed(approved, pause_s)
                await self.around.sleep(pause_s)
                return None
            case SlowDown():
                return await self._slow_down(approved, step, progress)

    async def _opted_out_meanwhile(self, approved: MessageApproved) -> bool:
        """Whether the customer stopped us since a decision that is no news any more: policy asked when it was made."""
        if approved.event_type == CONFIRMATION or self.around.clock() - approved.received_at < FRESH:
            return False
        for key in (approved.customer_key, do_not_contact(self.prepare.callback_key, approved.customer_key)):
            rows = await self.note.written(partial(self._suppressions, approved, key))
            if any(row.kind is not SuppressionKind.MARKETING for row in rows):
                return True
        return False

    async def _suppressions(self, approved: MessageApproved, customer_key: str) -> Sequence[Suppression]:
        return await self.around.consents.page(
            account_id=approved.account_id, customer_key=customer_key, after=None, limit=len(SuppressionKind)
        )

    async def _slow_down(self, approved: MessageApproved, step: SlowDown, progress: _Progress) -> Result | None:
        key = bucket_key(
            step.scope.value,
            account_id=approved.account_id or "",
            number_id=approved.number_id,
            customer_key=approved.customer_key,
        )
        until = self.around.clock() + timedelta(seconds=step.wait_s)
        await self.note.written(
            lambda: self.around.pacing.hold(scope=step.scope.value, key=key, until=until, slow_down=step.factor)
        )
        if progress.waited + step.wait_s > self.terms.smooth_s:
            return await self.note(approved, throttled(step.wait_s, step.scope.value))
        progress.throttles += 1
        progress.not_before = self.around.monotonic() + step.wait_s
        await self._surely_failed(approved, step.wait_s)
        return None

    async def _wait(self, progress: _Progress, wait: float) -> None:
        wait = max(wait, progress.not_before - self.around.monotonic())
        metrics.PACING_SECONDS.observe(max(0.0, wait))
        if wait > 0:
            progress.waited += wait
            await self.around.sleep(wait)

    async def _stand_in_line(self, approved: MessageApproved, progress: _Progress) -> None:
        """Wait a little for the message before this one, then leave the place in this process to others."""
        if len(self._behind_since) >= _MOST_IN_LINE:  # they went on in other processes
            self._behind_since.clear()
        self._behind_since.setdefault(approved.event_id, self.around.clock())
        pause = _IN_LINE_S[min(progress.looks, len(_IN_LINE_S) - 1)]
        if progress.in_line + pause > self.terms.smooth_s:
            raise Later("an earlier message to the same customer is not done", after=_BACK_IN_LINE)
        progress.looks += 1
        progress.in_line += pause
        await self.around.sleep(pause)

    async def _learnt(self, approved: MessageApproved, result: Result, attempts: int) -> Result:
        """The result that a status has told already, where the call gave none."""
        known = await self.note.written(lambda: self.around.statuses.of(str(approved.event_id)))
        return learnt_from(known, self.call.reaction.table, attempts=attempts) or result

    async def _close_window(self, approved: MessageApproved) -> None:
        now = self.around.clock()
        await self.note.written(
            lambda: self.around.windows.window_closed(approved.number_id, approved.customer_key, now)
        )

    async def _surely_failed(self, approved: MessageApproved, pause_s: float) -> None:
        until = self.around.clock() + timedelta(seconds=pause_s + _AFTER_PAUSE_S)
        owner = self.terms.owner
        await self.note.written(
            lambda: self.around.ledger.failed_surely(str(approved.event_id), owner=owner, until=until)
        )

    def _claim(self, approved: MessageApproved, number: Number | None, progress: _Progress) -> Claim:
        rate = number.messages_per_second if number is not None else NUMBER_PER_SECOND
        smooth = max(0.0, self.terms.smooth_s - progress.waited)
        return Claim(
            event_id=str(approved.event_id),
            account_id=approved.account_id or "",
            number_id=approved.number_id,
            customer_key=approved.customer_key,
            integration_id=approved.integration_id,
            callback_id=self.prepare.callback(approved),
            after=None if approved.after is None else str(approved.after),
            behind_since=self._behind_since.get(approved.event_id),
            owner=self.terms.owner,
            now=self.around.clock(),
            lease_seconds=self.terms.lease_s,
            pace=Pace(number_rate=rate, number_burst=number_burst(rate), smooth=smooth),
        )
