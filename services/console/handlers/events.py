"""The operations under `/events`: a page of the audit record, and the timeline of one event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from libs.contracts.errors import ErrorCode
from libs.store.records import Record, RecordFilter, Records
from services.console.domain.events import (
    SUPPRESSION_ADDED,
    SUPPRESSION_LIFTED,
    EventQuery,
    EventTimeline,
    StandingSuppression,
    filter_from,
    record_view_from,
    standing_suppressions,
)
from services.console.domain.pagination import ListPage
from services.console.domain.refusals import not_found
from services.console.handlers.calls import Answer, Call
from services.console.handlers.subjects import SubjectLookup

_LATER = timedelta(minutes=1)
"""A suppression is recorded so much later than it took effect, at most."""
_SUPPRESSIONS = 200
"""Changes of a customer's suppressions that are read to name the one that stood."""


@dataclass(frozen=True, slots=True)
class Events:
    """Searches the audit record."""

    records: Records
    lookup: SubjectLookup

    async def page(self, call: Call[EventQuery, None]) -> Answer:
        """The records that match, newest first."""
        query = call.query
        account_id, customers = call.principal.scope(query.account_id), None
        if query.phone is not None or query.user_id is not None:
            subject = await self.lookup.find(call.principal, account_id, query.phone, query.user_id)
            customers = frozenset(await self.lookup.record_pseudonyms(subject))
        wanted = filter_from(query, account_id, customers)
        page = await self.records.page(wanted, limit=query.limit, cursor=query.cursor)
        return Answer(ListPage(items=tuple(map(record_view_from, page.items)), next_cursor=page.next_cursor))

    async def timeline(self, call: Call[None, None]) -> Answer:
        """Every record about one event that the token covers, oldest first."""
        event_id = _canonical(call.ids["event_id"])
        records = await self.records.timeline(event_id)
        if call.principal.accounts is not None:
            records = [r for r in records if r.account_id is not None and call.principal.can_see(r.account_id)]
        if not records:
            raise not_found()
        items = tuple(map(record_view_from, records))
        return Answer(EventTimeline(event_id=event_id, items=items, suppressions=await self._suppressions(records)))

    async def _suppressions(self, records: Sequence[Record]) -> tuple[StandingSuppression, ...]:
        """What suppressed the customer of a message that was refused for it."""
        refused = next((r for r in records if r.code == ErrorCode.RECIPIENT_SUPPRESSED and r.customer_hash), None)
        if refused is None or refused.account_id is None:
            return ()
        customers = frozenset({refused.customer_hash or ""})
        found = [
            await self.records.page(
                RecordFilter(account_id=refused.account_id, type=type_, customers=customers, to=refused.at + _LATER),
                limit=_SUPPRESSIONS,
                cursor=None,
            )
            for type_ in (SUPPRESSION_ADDED, SUPPRESSION_LIFTED)
        ]
        return standing_suppressions([record for page in found for record in page.items], refused.at)


def _canonical(event_id: str) -> str:
    try:
        return str(UUID(event_id))
    except ValueError:
        raise not_found() from None
