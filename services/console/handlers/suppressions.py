"""Blocking and unblocking customers; the store knows them by a keyed hash, and so do the events."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from libs.contracts.events import SuppressionAdded, SuppressionLifted
from libs.contracts.identity import masked
from libs.store.accounts import Account, Directory
from libs.store.conversations import Suppression
from libs.store.conversations import Suppressions as Store
from libs.store.erasing import ERASED
from services.console.domain.paging import listed
from services.console.domain.phones import e164_from
from services.console.domain.principals import Principal, conflict, invalid, not_found
from services.console.domain.suppressions import LiftQuery, SuppressionAsked, SuppressionQuery, shown
from services.console.handlers.calling import Answer, Call, created
from services.console.handlers.changing import Changes
from services.console.ports import CustomerKey


@dataclass(frozen=True, slots=True)
class Suppressions:
    """The calls under `/suppressions`."""

    store: Store
    directory: Directory
    changes: Changes
    customer_key: CustomerKey = field(repr=False)

    async def create(self, call: Call[None, SuppressionAsked]) -> Answer:
        """Suppress a customer. Who is suppressed already stays so: 200 with what stands."""
        asked, now = call.body, self.changes.clock()
        account = await self._account(call.principal, asked.account_id)
        phone = _phone(asked.phone, account)
        wanted = Suppression(
            id=self.changes.id_for("sup"),
            account_id=account.id,
            customer_key=self.customer_key(account.id, phone),
            masked_phone=masked(phone),
            kind=asked.kind,
            source="operator",
            reason=asked.reason,
            actor=call.principal.actor,
            since=now,
        )
        event = SuppressionAdded(actor=call.principal.actor, reason=asked.reason, **_told(wanted))
        standing = await self.store.suppress(wanted, [self.changes.posted(event, now)])
        if not standing.active:
            raise conflict("a newer change lifted it; send it again")
        if standing.id != wanted.id:
            return Answer(shown(standing), HTTPStatus.OK)
        await self.changes.published()
        return created(shown(standing))

    async def page(self, call: Call[SuppressionQuery, None]) -> Answer:
        """Who is suppressed, in the order of the suppressions' ids."""
        query = call.query
        account_id = call.principal.scope(query.account_id)
        key = None
        if query.phone is not None:
            if account_id is None:
                raise invalid("account_id", "is required with `phone`")
            account = await self._account(call.principal, account_id)
            key = self.customer_key(account.id, _phone(query.phone, account))
        rows = await self.store.page(account_id=account_id, customer_key=key, after=query.cursor, limit=query.limit + 1)
        return Answer(listed(rows, query.limit, shown, key=lambda row: row.id))

    async def show(self, call: Call[None, None]) -> Answer:
        """One suppression, lifted or not."""
        return Answer(shown(await self._suppression(call)))

    async def lift(self, call: Call[LiftQuery, None]) -> Answer:
        """Let the customer be messaged again; one that is lifted already is gone."""
        standing, now = await self._suppression(call), self.changes.clock()
        if not standing.active:
            raise not_found()
        event = SuppressionLifted(actor=call.principal.actor, reason=call.query.reason, **_told(standing))
        lifted = await self.store.lift(
            account_id=standing.account_id,
            customer_key=standing.customer_key,
            kind=standing.kind,
            at=now,
            events=[self.changes.posted(event, now)],
        )
        if lifted is None:
            raise not_found()
        await self.changes.published()
        return Answer(shown(lifted))

    async def _suppression(self, call: Call[Any, None]) -> Suppression:
        found = await self.store.get(call.ids["suppression_id"])
        if found is None or not call.principal.sees(found.account_id):
            raise not_found()
        return found

    async def _account(self, principal: Principal, account_id: str) -> Account:
        account = await self.directory.account(account_id) if principal.sees(account_id) else None
        if account is None:
            raise invalid("account_id", "is unknown")
        return account


def _phone(text: str, account: Account) -> str:
    phone = e164_from(text, account.default_region)
    if phone is None:
        raise invalid("phone", "must be a valid phone number, in E.164 or national form")
    return phone


def _told(suppression: Suppression) -> dict[str, Any]:
    return {
        "account_id": suppression.account_id,
        "suppression_id": suppression.id,
        "kind": suppression.kind.value,
        "source": "operator",
        # What stays of somebody who was erased is nobody's: the record must not make them known again.
        "customer_key": None if suppression.source == ERASED else suppression.customer_key,
        "masked_phone": suppression.masked_phone,
    }
