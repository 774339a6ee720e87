"""The operations under `/suppressions`; the store and the events hold the customer's keyed hash, never the phone."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from libs.contracts.events import SuppressionAdded
from libs.store.accounts import Directory
from libs.store.approvals import ApprovalKind
from libs.store.consents import ConsentScope, ConsentSource, Withdrawal
from libs.store.conversations import Suppression, SuppressionKind, is_customers_own
from libs.store.conversations import Suppressions as SuppressionStore
from services.console.domain.pagination import list_page_from
from services.console.domain.refusals import conflict, invalid, not_found
from services.console.domain.suppressions import (
    LiftQuery,
    SuppressionQuery,
    SuppressionRequest,
    event_fields,
    require_sentence,
    suppression_view_from,
)
from services.console.handlers.accounts import account_in_field
from services.console.handlers.calls import Answer, Call, created
from services.console.handlers.changes import Changes
from services.console.handlers.consents import WithdrawConsents
from services.console.handlers.customer_lookup import CustomerLookup
from services.console.handlers.lifts import ASKED_MEANWHILE, Lift, LiftSuppression, content_of_lift, is_as_late
from services.console.handlers.linked_keys import LinkedKeys
from services.console.handlers.second_person import SecondPerson

TAKEN_BACK: Final = {
    SuppressionKind.OPT_OUT: ConsentScope.ALL,
    SuppressionKind.MARKETING: ConsentScope.MARKETING,
}
"""The consents that a suppression by the customer's own word takes back."""


@dataclass(frozen=True, slots=True)
class Suppressions:
    """Adds, lists, shows and lifts suppressions."""

    store: SuppressionStore
    directory: Directory
    changes: Changes
    customer: CustomerLookup
    linked_keys: LinkedKeys
    lift_rows: LiftSuppression
    second_person: SecondPerson
    withdraw_consents: WithdrawConsents

    async def create(self, call: Call[None, SuppressionRequest]) -> Answer:
        """Suppress a customer. A suppression that stands already is answered with 200.

        The customer's own word, which an operator passes on, takes back consents too: they do not count again when the
        suppression is lifted. A block is the business's decision, and takes back nothing.
        """
        request, actor, now = call.body, call.principal.actor, self.changes.clock()
        account = await account_in_field(self.directory, call.principal, request.account_id)
        customer = await self.customer(account, request.phone, request.user_id)
        wanted = Suppression(
            id=self.changes.id_for("sup"),
            account_id=account.id,
            customer_key=await self.linked_keys.main(account.id, customer.key),
            masked_phone=customer.masked_phone,
            kind=request.kind,
            source="operator",
            reason=request.reason,
            actor=actor,
            since=now,
        )
        if (scope := TAKEN_BACK.get(request.kind)) is not None:  # first: a crash in between leaves the stricter half
            word = Withdrawal(
                account_id=account.id,
                customer_key=customer.key,
                scope=scope,
                at=now,
                source=ConsentSource.OPERATOR,
                actor=actor,
            )
            await self.withdraw_consents(word, customer, request.reason)
        keys = sorted({customer.key, wanted.customer_key})
        event = SuppressionAdded(actor=actor, reason=request.reason, customer_keys=keys, **event_fields(wanted))
        standing = await self.store.suppress(wanted, [self.changes.outbox_event(event, now)])
        if not standing.active:
            raise conflict("a newer change lifted it; send it again")
        await self.changes.publish_outbox()
        if standing.id != wanted.id:
            return Answer(suppression_view_from(standing), HTTPStatus.OK)
        return created(suppression_view_from(standing))

    async def page(self, call: Call[SuppressionQuery, None]) -> Answer:
        """Active suppressions, in the order of their ids."""
        query = call.query
        account_id = call.principal.scope(query.account_id)
        key = None
        if query.phone is not None or query.user_id is not None:
            if account_id is None:
                raise invalid("account_id", "is required with `phone` and with `user_id`")
            account = await account_in_field(self.directory, call.principal, account_id)
            named = await self.customer(account, query.phone, query.user_id)
            key = await self.linked_keys.main(account.id, named.key)
        rows = await self.store.page(account_id=account_id, customer_key=key, after=query.cursor, limit=query.limit + 1)
        return Answer(list_page_from(rows, query.limit, suppression_view_from, key=lambda row: row.id))

    async def show(self, call: Call[None, None]) -> Answer:
        """One suppression, active or lifted."""
        return Answer(suppression_view_from(await self._suppression(call)))

    async def lift(self, call: Call[LiftQuery, None]) -> Answer:
        """Lift a suppression for every key of the customer; one that is lifted already is not found.

        A conflict while the customer's latest request is not older than a second: their word counts in a tie. A
        customer's own opt-out needs a reason that somebody can judge (reason_required), and a second person's approval.
        """
        named = await self._suppression(call)
        if not named.active:
            raise not_found()
        rows, reason, now = await self.lift_rows.standing_with(named), call.query.reason, self.changes.clock()
        if any(is_customers_own(row) for row in rows):
            require_sentence(reason)
            if self.second_person.required:
                if any(is_as_late(row, now) for row in rows):
                    raise conflict(ASKED_MEANWHILE)
                content = content_of_lift(rows, reason or "")
                return await self.second_person.request(call, ApprovalKind.LIFT_OPT_OUT, named.account_id, content)
        lifted = await self.lift_rows(rows, Lift(actor=call.principal.actor, reason=reason, at=now))
        return Answer(suppression_view_from(lifted))

    async def _suppression(self, call: Call[Any, None]) -> Suppression:
        found = await self.store.get(call.ids["suppression_id"])
        if found is None or not call.principal.can_see(found.account_id):
            raise not_found()
        return found
