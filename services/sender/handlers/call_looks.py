"""`LookBeforeCall`: one read, before each claim, of what an erasure or a restriction says about the message."""

from dataclasses import dataclass

from libs.chassis.clock import Clock
from libs.contracts.events import MessageApproved
from libs.store.accounts import Number
from libs.store.claim_looks import ClaimLooks, LookQuery
from libs.store.erased_customers import cancels
from libs.store.ledger import Seen
from libs.store.restrictions import Restriction
from services.sender.domain.restriction_checks import restriction_against, subjects_of
from services.sender.domain.results import without_customer
from services.sender.domain.sent_forms import SentTemplate
from services.sender.handlers.cancellations import Cancellations
from services.sender.handlers.result_writer import ResultWriter


@dataclass(frozen=True, slots=True)
class CallLook:
    """What the look found."""

    message: MessageApproved
    """The message to claim: without its customer, who must not come into the ledger, if they were erased."""
    restriction: Restriction | None
    """The one that forbids the message in the form that was asked for."""
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class LookBeforeCall:
    """Looks before a claim; what comes between it and the call, `Cancellations.of_message` finds after the claim."""

    looks: ClaimLooks
    cancellations: Cancellations
    results: ResultWriter
    clock: Clock

    async def __call__(
        self, approved: MessageApproved, number: Number | None, template: SentTemplate | None
    ) -> CallLook:
        """Look whether the message may be sent in this form now. The same functions decide as in policy."""
        now = self.clock()
        query = LookQuery(
            account_id=approved.account_id or "",
            event_id=str(approved.event_id),
            number_id=approved.number_id,
            business_account_id=None if number is None else number.business_account_id,
            after=None if approved.after is None else str(approved.after),
            erased=self.cancellations.names(approved),
            subjects=subjects_of(approved, number, template),
            now=now,
        )
        found = await self.results.retry(lambda: self.looks.look(query))
        message = without_customer(approved) if cancels(found.erased_at, approved.received_at) else approved
        return CallLook(message, restriction_against(found.restrictions, approved, template, now), found.seen)
