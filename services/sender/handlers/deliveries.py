"""`DeliverMessage` brings one approved message to its result: it claims, calls the provider and writes the result.

The rule: the ledger has an entry before every call. After a crash at any line the next delivery reads that entry: none
(nothing was done), `waiting` (may be called again), `calling` (unknown once the lease ends) or `finished`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from libs.chassis.backoff import backoff
from libs.chassis.settlement import RetryLater
from libs.contracts.callback_data import callback_from
from libs.contracts.decisions import CONFIRMATION
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved
from libs.contracts.send_rates import NUMBER_PER_SECOND, number_burst
from libs.providers.errors import Effect
from libs.store.accounts import Number
from libs.store.conversations import SuppressionKind
from libs.store.ledger import Blocked, Claim, Claimed, ClaimInProgress, Finished, LeaseExpired, Pace, RateLimited
from services.sender import metrics
from services.sender.domain.next_steps import CallAttempts, Done, RetryAfter, SlowDown
from services.sender.domain.refusals import bucket_of
from services.sender.domain.results import Result, failed, result_from, result_with_template, throttled, unknown
from services.sender.domain.statuses import result_from_status
from services.sender.handlers.dependencies import DeliveryDependencies, DeliveryOptions
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.prepared_messages import PrepareMessage
from services.sender.handlers.provider_calls import CallProvider
from services.sender.handlers.result_writer import RECHECK_CLAIM, ResultWriter

_ORDER_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds between looks at whether the earlier message to the customer is done; the last one repeats."""
_MAX_BLOCKED = 10_000
_BLOCKED_RETRY = timedelta(seconds=1)
FRESH = timedelta(seconds=2)
"""A decision that is younger than this is trusted without a new look at the customer's suppressions."""
_OWNER_HEAD_START_S = 1.0
"""For so long after a pause's end only the sender that paused may claim the message again."""


@dataclass(slots=True)
class _Progress:
    """The state of one run; times are monotonic seconds, waits are seconds."""

    start: float
    throttles: int = 0
    waited: float = 0.0
    not_before: float = 0.0
    order_waited: float = 0.0
    order_pauses: Iterator[float] = field(default_factory=lambda: backoff(*_ORDER_PAUSES))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverMessage:
    """Delivers one approved message, whatever earlier deliveries of it have done."""

    deps: DeliveryDependencies
    prepare: PrepareMessage
    call: CallProvider
    errors: ErrorTables
    results: ResultWriter
    options: DeliveryOptions
    _blocked_since: dict[UUID, datetime] = field(default_factory=dict)
    """Since when messages have waited in this process for an earlier one that no sender had claimed."""

    async def __call__(self, approved: MessageApproved) -> Result:
        """Deliver at most once. Raises RetryLater while another delivery has the claim, GatewayError without store."""
        unsaved = self.results.unsaved.get(approved.event_id)
        if unsaved is not None:
            return await self.results.write(approved, unsaved)
        number = await self.prepare.numbers.number(approved.number_id)
        progress = _Progress(start=self.deps.monotonic())
        while True:
            result = await self._try(approved, number, progress)
            if result is not None:
                return result

    async def _try(self, approved: MessageApproved, number: Number | None, progress: _Progress) -> Result | None:
        """Claim and call once; None when the message may be tried again."""
        answer = await self.deps.ledger.claim(self._claim_from(approved, number, progress))
        if not isinstance(answer, Blocked):
            self._blocked_since.pop(approved.event_id, None)
            if progress.order_waited:
                metrics.DELIVERY_ORDER_WAIT_SECONDS.observe(progress.order_waited)
                progress.order_waited = 0.0
        match answer:
            case Claimed():
                return await self._deliver_claimed(approved, number, progress, answer)
            case Finished(outcome):
                return await self.results.release_quota(approved, result_from(outcome))
            case RateLimited(retry_after, scope):
                return await self.results.write(approved, throttled(retry_after, scope))
            case LeaseExpired(attempt):
                result = await self._result_by_status(approved, unknown("sender_stopped"), attempt)
                return await self.results.write(approved, result)
            case Blocked():
                await self._wait_for_earlier(approved, progress)
                return None
            case ClaimInProgress():
                raise RetryLater("another delivery has claimed the message", after=RECHECK_CLAIM)

    async def _deliver_claimed(
        self, approved: MessageApproved, number: Number | None, progress: _Progress, claimed: Claimed
    ) -> Result | None:
        await self._wait_for_slot(progress, claimed.wait)
        if await self._suppressed_meanwhile(approved):
            return await self.results.write(approved, failed("opted_out_while_waiting", ErrorCode.RECIPIENT_SUPPRESSED))
        callback = callback_from(approved.event_id, self.deps.pseudonyms)
        prepared = self.prepare(approved, number, callback=callback, now=self.deps.clock())
        if isinstance(prepared, Result):
            return await self.results.write(approved, prepared)
        attempts = claimed.attempt - progress.throttles
        step = await self.call(prepared, lambda: CallAttempts(attempts, self.deps.monotonic() - progress.start))
        match step:
            case Done(result, effect):
                if effect is Effect.CLOSE_WINDOW:
                    await self._close_window(approved)
                if result.unknown:
                    result = await self._result_by_status(approved, result, attempts)
                return await self.results.write(approved, result_with_template(prepared.outgoing, result))
            case RetryAfter(pause_s):
                await self._mark_not_sent(approved, pause_s)
                await self.deps.sleep(pause_s)
                return None
            case SlowDown():
                return await self._slow_down(approved, step, progress)

    async def _suppressed_meanwhile(self, approved: MessageApproved) -> bool:
        """Whether the customer opted out after the decision; a `FRESH` decision is not checked again."""
        if approved.event_type == CONFIRMATION or self.deps.clock() - approved.received_at < FRESH:
            return False
        for key in (approved.customer_key, self.deps.pseudonyms.do_not_contact_hash(approved.customer_key)):
            page = partial(self.deps.suppressions.page, account_id=approved.account_id, customer_key=key)
            rows = await self.results.retry(partial(page, after=None, limit=len(SuppressionKind)))
            if any(row.kind is not SuppressionKind.MARKETING for row in rows):
                return True
        return False

    async def _slow_down(self, approved: MessageApproved, step: SlowDown, progress: _Progress) -> Result | None:
        key = bucket_of(step.scope, approved)
        until = self.deps.clock() + timedelta(seconds=step.wait_s)
        await self.results.retry(
            lambda: self.deps.pacing.hold(scope=step.scope.value, key=key, until=until, slow_down=step.factor)
        )
        if progress.waited + step.wait_s > self.options.max_wait_s:
            return await self.results.write(approved, throttled(step.wait_s, step.scope.value))
        progress.throttles += 1
        progress.not_before = self.deps.monotonic() + step.wait_s
        await self._mark_not_sent(approved, step.wait_s)
        return None

    async def _wait_for_slot(self, progress: _Progress, wait: float) -> None:
        wait = max(wait, progress.not_before - self.deps.monotonic())
        metrics.PACING_SECONDS.observe(max(0.0, wait))
        if wait > 0:
            progress.waited += wait
            await self.deps.sleep(wait)

    async def _wait_for_earlier(self, approved: MessageApproved, progress: _Progress) -> None:
        """Wait a little for the earlier message. Raises RetryLater after `max_wait_s`, to free the prefetch slot."""
        if len(self._blocked_since) >= _MAX_BLOCKED:  # their deliveries continued in other processes
            self._blocked_since.clear()
        self._blocked_since.setdefault(approved.event_id, self.deps.clock())
        pause = next(progress.order_pauses)
        if progress.order_waited + pause > self.options.max_wait_s:
            raise RetryLater("an earlier message to the same customer is not done", after=_BLOCKED_RETRY)
        progress.order_waited += pause
        await self.deps.sleep(pause)

    async def _result_by_status(self, approved: MessageApproved, result: Result, attempts: int) -> Result:
        """The result that a status has reported already, where the call gave none; else `result`."""
        message = await self.results.retry(lambda: self.deps.statuses.find(str(approved.event_id)))
        errors = await self.results.retry(lambda: self.errors.of(approved.number_id))
        return result_from_status(message, errors, attempts=attempts) or result

    async def _close_window(self, approved: MessageApproved) -> None:
        close = partial(self.deps.conversations.close_window, approved.number_id, approved.customer_key)
        await self.results.retry(partial(close, self.deps.clock()))

    async def _mark_not_sent(self, approved: MessageApproved, pause_s: float) -> None:
        until = self.deps.clock() + timedelta(seconds=pause_s + _OWNER_HEAD_START_S)
        event_id, owner = str(approved.event_id), self.options.owner
        await self.results.retry(lambda: self.deps.ledger.mark_not_sent(event_id, owner=owner, until=until))

    def _claim_from(self, approved: MessageApproved, number: Number | None, progress: _Progress) -> Claim:
        rate = number.messages_per_second if number is not None else NUMBER_PER_SECOND
        smooth = max(0.0, self.options.max_wait_s - progress.waited)
        return Claim(
            event_id=str(approved.event_id),
            account_id=approved.account_id or "",
            number_id=approved.number_id,
            customer_key=approved.customer_key,
            integration_id=approved.integration_id,
            callback_id=callback_from(approved.event_id, self.deps.pseudonyms),
            after=None if approved.after is None else str(approved.after),
            blocked_since=self._blocked_since.get(approved.event_id),
            owner=self.options.owner,
            now=self.deps.clock(),
            lease_seconds=self.options.lease_s,
            pace=Pace(number_rate=rate, number_burst=number_burst(rate), max_wait=smooth),
        )
