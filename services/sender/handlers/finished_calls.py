"""`FinishCall`: what follows from a provider call: the result is written, or the message goes another way."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from libs.contracts.events import MessageApproved
from libs.providers.errors import Effect
from libs.providers.outcomes import Refused
from libs.providers.outgoing import OutgoingTemplate
from libs.store.restrictions import Restriction
from services.sender.domain.fallbacks import has_linked_phone
from services.sender.domain.next_steps import Done, OtherForm
from services.sender.domain.refusals import refused_message_from
from services.sender.domain.restrictions import HELD
from services.sender.domain.results import Refusal, Result, result_with_content
from services.sender.domain.sent_forms import template_of
from services.sender.domain.statuses import result_from_status
from services.sender.handlers.dependencies import DeliveryDependencies
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.prepared_messages import PreparedMessage
from services.sender.handlers.refusal_effects import RefusalEffects
from services.sender.handlers.restriction_checks import CheckRestrictions
from services.sender.handlers.result_writer import ResultWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishCall:
    """Safe to repeat: the first written result stands, and effects have ids that come from the message."""

    deps: DeliveryDependencies
    results: ResultWriter
    effects: RefusalEffects
    errors: ErrorTables
    checks: CheckRestrictions
    owner: str

    async def __call__(
        self,
        approved: MessageApproved,
        message: PreparedMessage,
        step: Done,
        *,
        attempts: int,
        trial: Restriction | None,
    ) -> Result | OtherForm:
        """Finish the message. Raises RetryLater when it is held instead."""
        result = self._with_refusal(step, message)
        if step.effect is Effect.CLOSE_WINDOW:
            await self._close_window(approved)
        if (form := _other_form(step, approved, message)) is not None:
            await self.mark_not_sent(approved, 0.0)
            return form
        if step.effect in HELD and self.checks.lasts(approved):
            await self._hold(approved, result)
        if result.unknown:
            result = await self.result_by_status(approved, result, attempts)
        if trial is not None and result.message_id is not None:
            await self.checks.lift_after_trial(trial, approved.event_id)
        return await self.results.write(approved, result_with_content(message.outgoing, result))

    async def result_by_status(self, approved: MessageApproved, result: Result, attempts: int) -> Result:
        """The result that a status has reported already, where the call gave none; else `result`."""
        message = await self.results.retry(lambda: self.deps.statuses.find(str(approved.event_id)))
        errors = await self.results.retry(lambda: self.errors.of(approved.number_id))
        return result_from_status(message, errors, attempts=attempts) or result

    async def mark_not_sent(self, approved: MessageApproved, pause_s: float, *, counts: bool = True) -> None:
        """The call did not send the message; another process may claim it when `pause_s` is over."""
        until = self.deps.clock() + timedelta(seconds=pause_s)
        mark = partial(self.deps.ledger.mark_not_sent, str(approved.event_id), owner=self.owner, until=until)
        await self.results.retry(partial(mark, counts=counts))

    def _with_refusal(self, step: Done, message: PreparedMessage) -> Result:
        if step.refused is None:
            return step.result
        return replace(step.result, refusal=_refusal_from(step.refused, message, self.deps))

    async def hold_after_upload(self, approved: MessageApproved, refusal: Refusal | None) -> None:
        """Hold the message whose upload was refused because of the number's credentials: the number is restricted.

        Raises RetryLater then, while the hold lasts. The ledger is left alone: whether the message was called for
        before, only its claim knows.
        """
        if refusal is None:
            return
        errors = await self.results.retry(lambda: self.errors.of(approved.number_id))
        if errors.classify(refusal.outcome()).effect in HELD and self.checks.lasts(approved):
            await self._restrict(approved, refusal)
            self.checks.hold_on(approved)

    async def _hold(self, approved: MessageApproved, result: Result) -> None:
        """Restrict the number, and hold the message: neither does the refused call count, nor is the caller answered.

        The ledger is written first, so that a crash in between loses the restriction, which the next call brings
        back, and never the message.
        """
        await self.mark_not_sent(approved, 0.0, counts=False)
        if result.refusal is not None:
            await self._restrict(approved, result.refusal)
        self.checks.hold_on(approved)

    async def _restrict(self, approved: MessageApproved, refusal: Refusal) -> None:
        answer = refusal.outcome()
        errors = await self.results.retry(lambda: self.errors.of(approved.number_id))
        refused = refused_message_from(
            approved, answer, errors.classify(answer), at=refusal.at, customer=approved.customer
        )
        await self.results.retry(lambda: self.effects(refused))

    async def _close_window(self, approved: MessageApproved) -> None:
        close = partial(self.deps.conversations.close_window, approved.number_id, approved.customer_key)
        await self.results.retry(partial(close, self.deps.clock()))


def _other_form(step: Done, approved: MessageApproved, message: PreparedMessage) -> OtherForm | None:
    """The form in which a refused message is tried once more; the same for every repetition."""
    is_free = not isinstance(message.outgoing, OutgoingTemplate)
    if step.effect is Effect.CLOSE_WINDOW and is_free and template_of(approved) is not None:
        return OtherForm.TEMPLATE
    to = message.outgoing.to
    to_user_id = to.phone is None and to.wa_id is None
    if step.effect is Effect.PHONE_REQUIRED and to_user_id and has_linked_phone(approved):
        return OtherForm.PHONE
    return None


def _refusal_from(answer: Refused, message: PreparedMessage, deps: DeliveryDependencies) -> Refusal:
    outgoing = message.outgoing
    template = (outgoing.name, outgoing.language) if isinstance(outgoing, OutgoingTemplate) else None
    return Refusal(
        code=answer.code, http_status=answer.http_status, reason=answer.reason, at=deps.clock(), template=template
    )
