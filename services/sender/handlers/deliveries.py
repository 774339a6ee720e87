"""`DeliverMessage` brings one approved message to its result: it claims, calls the provider and writes the result.

The rule: the ledger has an entry before every call. After a crash at any line the next delivery reads that entry: none
(nothing was done), `waiting` (may be called again), `calling` (unknown once the lease ends) or `finished`.

Before a claim the sender looks whether anything speaks against the call, and after it looks again. The first try of a
message that has just been approved claims at once: the look after the claim finds the same, and what must not be called
for is refused, held or forgotten then. docs/decisions/0068-calls-of-a-message.md has the argument.
"""

from dataclasses import dataclass
from datetime import timedelta

from libs.chassis.settlement import RetryLater
from libs.contracts.callback_data import callback_from
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved
from libs.contracts.results import AnswerStatus
from libs.store.accounts import Number
from libs.store.ledger import (
    Blocked,
    Claim,
    ClaimAnswer,
    Claimed,
    ClaimInProgress,
    Finished,
    LeaseExpired,
    RateLimited,
    Seen,
)
from libs.store.restrictions import Restriction
from services.sender import metrics
from services.sender.domain.fallbacks import to_linked_phone
from services.sender.domain.next_steps import CallAttempts, Done, OtherForm, RetryAfter, SlowDown
from services.sender.domain.outbound_files import media_of
from services.sender.domain.refusals import bucket_of
from services.sender.domain.restriction_checks import hold_ended, refused_by
from services.sender.domain.results import (
    Result,
    failed,
    result_from,
    throttled,
    unknown,
)
from services.sender.domain.sent_forms import SentTemplate, form_of
from services.sender.handlers.call_looks import CallLook, LookBeforeCall
from services.sender.handlers.delivery_progress import Progress, claim_from, claims_at_once
from services.sender.handlers.dependencies import DeliveryDependencies, DeliveryOptions
from services.sender.handlers.earlier_messages import EarlierMessages
from services.sender.handlers.finished_calls import FinishCall
from services.sender.handlers.prepare_media import PrepareMedia
from services.sender.handlers.prepared_messages import PrepareMessage
from services.sender.handlers.provider_calls import CallProvider
from services.sender.handlers.restriction_checks import CheckRestrictions
from services.sender.handlers.result_writer import RECHECK_CLAIM, ResultWriter
from services.sender.ports import Fallbacks, ReplyReceipts

_OWNER_HEAD_START_S = 1.0
"""For so long after a pause's end only the sender that paused may claim the message again."""
_SHOWN_WAIT_S = 1.0
"""A wait that a customer may be shown: somebody is typing. A file that is fetched and uploaded is one too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverMessage:
    """Delivers one approved message, whatever earlier deliveries of it have done."""

    deps: DeliveryDependencies
    prepare: PrepareMessage
    media: PrepareMedia
    call: CallProvider
    finish: FinishCall
    checks: CheckRestrictions
    look: LookBeforeCall
    results: ResultWriter
    fallbacks: Fallbacks
    options: DeliveryOptions
    receipts: ReplyReceipts
    earlier: EarlierMessages

    async def __call__(self, approved: MessageApproved, *, is_first: bool = False) -> Result:
        """Deliver at most once. Raises RetryLater while another delivery has the claim, GatewayError without store.

        `is_first` says that nobody is known to have tried; if somebody has, that costs a slot or a call, nothing else.
        """
        unsaved = self.results.unsaved.get(approved.event_id)
        if unsaved is not None:
            return await self.results.write(approved, unsaved)
        number = await self.prepare.numbers.number(approved.number_id)
        at_once = is_first and claims_at_once(approved, self.deps.clock())
        callback = callback_from(approved.event_id, self.deps.pseudonyms)
        progress = Progress(start=self.deps.monotonic(), callback=callback, at_once=at_once)
        try:
            while True:
                result = await self._try(approved, number, progress)
                if result is not None:
                    await self._finish_media(approved, number, result)
                    if result.code is AnswerStatus.SENT:
                        self.receipts.begin(approved)
                    return result
        finally:
            self.media.close_file(approved.event_id)

    async def _try(self, approved: MessageApproved, number: Number | None, progress: Progress) -> Result | None:
        """Claim and call once; None when the message may be tried again."""
        if progress.at_once:
            progress.at_once = False
            answer = await self.deps.ledger.claim(self._claim(approved, number, progress, None, first=True))
            if isinstance(answer, RateLimited | LeaseExpired):
                return None  # a look tells first whether it is to be held, or forgotten
            return await self._continue(approved, number, progress, answer, None)
        look = await self._prepare(approved, number, progress)
        if isinstance(look, Result):
            return look
        answer = await self.deps.ledger.claim(self._claim(look.message, number, progress, look.seen))
        return await self._continue(look.message, number, progress, answer, look.restriction)

    async def _continue(
        self,
        approved: MessageApproved,
        number: Number | None,
        progress: Progress,
        answer: ClaimAnswer,
        found: Restriction | None,
    ) -> Result | None:
        """Go by the claim's answer; `found` is what the look before it has found."""
        if not isinstance(answer, Blocked):
            self.earlier.done(approved.event_id, progress)
        match answer:
            case Claimed():
                return await self._deliver_claimed(approved, number, progress, answer)
            case Finished(outcome):
                return await self.results.release_quota(approved, result_from(outcome))
            case RateLimited(retry_after, scope):
                self.checks.wait_for_slot(approved, retry_after)
                ended = found is not None and self.checks.holds(found)
                result = hold_ended(found) if found and ended else throttled(retry_after, scope)
                return await self.results.write(approved, result)
            case LeaseExpired(attempt):
                result = await self.finish.result_by_status(approved, unknown("sender_stopped"), attempt)
                return await self.results.write(approved, result)
            case Blocked():
                await self.earlier.wait(approved.event_id, progress, max_wait_s=self.options.max_wait_s)
                return None
            case ClaimInProgress():
                raise RetryLater("another delivery has claimed the message", after=RECHECK_CLAIM)

    async def _prepare(self, approved: MessageApproved, number: Number | None, progress: Progress) -> CallLook | Result:
        """Look, and prepare the message's media; its result when it is not to be claimed. May raise RetryLater."""
        look = await self._look(approved, number, progress)
        await self.checks.hold_before_claim(look.message, look.restriction)
        before = progress.media
        refusal = await self._prepare_media(look.message, number, progress, look.restriction)
        if refusal is not None or progress.media is before:
            return refusal or look
        return await self._look(approved, number, progress)  # preparing took its time

    async def _deliver_claimed(
        self, approved: MessageApproved, number: Number | None, progress: Progress, claimed: Claimed
    ) -> Result | None:
        """Look, and call if nothing speaks against it; None when the message may be tried again."""
        await self._wait_for_slot(approved, progress, claimed.wait)
        last = await self.look.after_claim(approved, number, self._form(approved, progress))
        if last.cancelled is not None:
            return await self.results.write(approved, failed(last.cancelled, ErrorCode.RECIPIENT_SUPPRESSED))
        if last.held:
            await self.finish.mark_not_sent(approved, 0.0, counts=False)
            return None
        found = last.restriction
        trial = found if found is not None and await self.checks.is_trial(found) else None
        if found is not None and trial is None:
            return await self._refuse(approved, found)
        return await self._call(approved, number, progress, claimed, trial)

    async def _call(
        self,
        approved: MessageApproved,
        number: Number | None,
        progress: Progress,
        claimed: Claimed,
        trial: Restriction | None,
    ) -> Result | None:
        """Call the provider once; None when the message may be tried again."""
        callback, now = progress.callback, self.deps.clock()
        message = to_linked_phone(approved) if OtherForm.PHONE in progress.forms else approved
        window_closed = OtherForm.TEMPLATE in progress.forms
        if isinstance(progress.media, Result):
            return await self.results.write(approved, progress.media)
        prepared = self.prepare(
            message, number, callback=callback, now=now, window_closed=window_closed, media=progress.media
        )
        if isinstance(prepared, Result):
            return await self.results.write(approved, prepared)
        attempts = claimed.attempt - progress.throttles
        step = await self.call(prepared, lambda: CallAttempts(attempts, self.deps.monotonic() - progress.start))
        match step:
            case Done():
                result = await self.finish(approved, prepared, step, attempts=attempts, trial=trial)
                if isinstance(result, OtherForm):
                    progress.forms.add(result)
                    return None
                return result
            case RetryAfter(pause_s):
                await self.finish.mark_not_sent(approved, pause_s + _OWNER_HEAD_START_S)
                await self.deps.sleep(pause_s)
                return None
            case SlowDown():
                return await self._slow_down(approved, number, step, progress)

    async def _prepare_media(
        self, approved: MessageApproved, number: Number | None, progress: Progress, found: Restriction | None
    ) -> Result | None:
        """Get and upload the media before the claim; the result when that fails for a message that nobody claimed.

        A message whose call may have been made is not finished here: its claim answers what became of it.
        """
        if progress.media is not None or found is not None or media_of(approved) is None:
            return None
        if form_of(approved, now=self.deps.clock()) is not None and approved.media is not None:
            return None  # the window has closed: the fallback shows no media
        known = await self.results.retry(lambda: self.deps.statuses.find(str(approved.event_id)))
        if known is not None and known.outcome is not None:
            return None
        self.receipts.begin(approved, waits=True)
        progress.media = await self.media(approved, number)
        if isinstance(progress.media, Result):
            await self.finish.hold_after_upload(approved, progress.media.refusal)
            return await self.results.write(approved, progress.media) if known is None else None
        return None

    async def _finish_media(self, approved: MessageApproved, number: Number | None, result: Result) -> None:
        """Delete what was sent. After a crash in between, the upload ends by itself after its day."""
        if media_of(approved) is not None:
            await self.media.finish(approved, number, sent=result.code is AnswerStatus.SENT)

    async def _look(self, approved: MessageApproved, number: Number | None, progress: Progress) -> CallLook:
        return await self.look(approved, number, self._form(approved, progress))

    def _form(self, approved: MessageApproved, progress: Progress) -> SentTemplate | None:
        return form_of(approved, now=self.deps.clock(), window_closed=OtherForm.TEMPLATE in progress.forms)

    async def _refuse(self, approved: MessageApproved, found: Restriction) -> Result:
        """Write the refusal. Raises RetryLater while the message is held instead."""
        if not self.checks.forbids_for_good(found):
            if self.checks.lasts(approved):
                await self.finish.mark_not_sent(approved, 0.0, counts=False)
                self.checks.hold_on(approved)
            return await self.results.write(approved, hold_ended(found))
        return await self.results.write(approved, refused_by(found))

    async def _slow_down(
        self, approved: MessageApproved, number: Number | None, step: SlowDown, progress: Progress
    ) -> Result | None:
        key = bucket_of(step.scope, approved, number.business_account_id if number else None)
        now = self.deps.clock()
        until = now + timedelta(seconds=step.wait_s)
        await self.results.retry(
            lambda: self.deps.pacing.hold(scope=step.scope.value, key=key, until=until, now=now, slow_down=step.factor)
        )
        if progress.waited + step.wait_s > self.options.max_wait_s:
            return await self.results.write(approved, throttled(step.wait_s, step.scope.value))
        progress.throttles += 1
        progress.not_before = self.deps.monotonic() + step.wait_s
        await self.finish.mark_not_sent(approved, step.wait_s + _OWNER_HEAD_START_S)
        return None

    async def _wait_for_slot(self, approved: MessageApproved, progress: Progress, wait: float) -> None:
        wait = max(wait, progress.not_before - self.deps.monotonic())
        metrics.PACING_SECONDS.observe(max(0.0, wait))
        if wait > 0:
            progress.waited += wait
            if wait >= _SHOWN_WAIT_S:
                self.receipts.begin(approved, waits=True)
            await self.deps.sleep(wait)

    def _claim(
        self,
        approved: MessageApproved,
        number: Number | None,
        progress: Progress,
        seen: Seen | None,
        *,
        first: bool = False,
    ) -> Claim:
        wait, now = max(0.0, self.options.max_wait_s - progress.waited), self.deps.clock()
        return claim_from(
            approved,
            number,
            options=self.options,
            now=now,
            clock=self.deps.clock,
            callback=progress.callback,
            contact=self.deps.contacts.sealed(approved),
            blocked_since=self.earlier.blocked_since(approved.event_id),
            max_wait_s=wait,
            fallback=self.fallbacks.sealed(approved, now=now),
            seen=seen,
            first=first,
        )
