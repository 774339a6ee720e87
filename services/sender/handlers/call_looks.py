"""`LookBeforeCall`: one read of what an erasure, an opt-out, a restriction or a hold says about a message.

The rule: a claim comes before the look that a call goes by. Whoever changes something writes it first and looks for
calls afterwards, or looks for none; so nothing that was there before the look is missed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from libs.chassis.clock import Clock
from libs.contracts.events import MessageApproved
from libs.store.accounts import Number
from libs.store.claim_looks import ClaimLooks, Look, LookQuery
from libs.store.claim_rules import is_held
from libs.store.do_not_contact import Standing
from libs.store.erased_customers import cancels
from libs.store.ledger import Seen
from libs.store.restrictions import Restriction
from services.sender.domain.restriction_checks import restriction_against, subjects_of
from services.sender.domain.results import ERASED_WHILE_WAITING, OPTED_OUT_WHILE_WAITING, without_customer
from services.sender.domain.sent_forms import SentTemplate
from services.sender.handlers.cancellations import Cancellations
from services.sender.handlers.result_writer import ResultWriter


@dataclass(frozen=True, slots=True)
class CallLook:
    """What the look before a claim found."""

    message: MessageApproved
    """The message to claim: without its customer, who must not come into the ledger, if they were erased."""
    restriction: Restriction | None
    """The one that forbids the message in the form that was asked for."""
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class LastLook:
    """What the look after a claim found."""

    cancelled: str | None = None
    """Why the message must not be sent any more: the reason of its result."""
    restriction: Restriction | None = None
    """As in `CallLook`."""
    held: bool = False
    """Whether the business account or the app is held, where the claim may not have known it."""


@dataclass(frozen=True, slots=True)
class LookBeforeCall:
    """Looks before a claim, and after it: what comes before the call and after the claim, the second look finds."""

    looks: ClaimLooks
    cancellations: Cancellations
    results: ResultWriter
    clock: Clock

    async def __call__(
        self, approved: MessageApproved, number: Number | None, template: SentTemplate | None
    ) -> CallLook:
        """Look whether the message may be sent in this form now. The same functions decide as in policy."""
        now = self.clock()
        query = self._query(approved, number, template, now=now, event_id=str(approved.event_id))
        found = await self.results.retry(lambda: self.looks.look(query))
        message = without_customer(approved) if cancels(found.erased_at, approved.received_at) else approved
        return CallLook(message, restriction_against(found.restrictions, approved, template, now), found.seen)

    async def after_claim(
        self, approved: MessageApproved, number: Number | None, template: SentTemplate | None
    ) -> LastLook:
        """Look once more, for a call that is claimed: also whether the customer has opted out.

        One round trip; two in an account in which erasures have left suppressions, for a customer who is new here.
        """
        if not approved.customer_key:
            return LastLook(ERASED_WHILE_WAITING)
        now, looks = self.clock(), list[Look]()

        async def first(names: Collection[str]) -> Standing:
            looks.append(await self.looks.look(self._query(approved, number, template, now=now, suppressed=names)))
            return looks[-1].standing

        suppressions = await self.results.retry(partial(self.cancellations.suppressions, approved, first))
        found = looks[-1]
        if cancels(found.erased_at, approved.received_at):
            return LastLook(ERASED_WHILE_WAITING)
        if suppressions:
            return LastLook(OPTED_OUT_WHILE_WAITING)
        restriction = restriction_against(found.restrictions, approved, template, now)
        return LastLook(None, restriction, found.seen is not None and is_held(found.seen, now))

    def _query(
        self,
        approved: MessageApproved,
        number: Number | None,
        template: SentTemplate | None,
        *,
        now: datetime,
        event_id: str | None = None,
        suppressed: Collection[str] = (),
    ) -> LookQuery:
        return LookQuery(
            account_id=approved.account_id or "",
            event_id=event_id,
            number_id=approved.number_id,
            business_account_id=None if number is None else number.business_account_id,
            after=None if approved.after is None else str(approved.after),
            erased=self.cancellations.names(approved),
            subjects=subjects_of(approved, number, template),
            suppressed=suppressed,
            now=now,
        )
