"""The operations under `/events`: a page of the audit record, and the timeline of one event."""

from dataclasses import dataclass
from uuid import UUID

from libs.store.records import Records
from services.console.domain.events import EventQuery, EventTimeline, filter_from, record_view_from
from services.console.domain.pagination import ListPage
from services.console.domain.refusals import not_found
from services.console.handlers.calls import Answer, Call
from services.console.handlers.subjects import SubjectLookup


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
        return Answer(EventTimeline(event_id=event_id, items=tuple(map(record_view_from, records))))


def _canonical(event_id: str) -> str:
    try:
        return str(UUID(event_id))
    except ValueError:
        raise not_found() from None
