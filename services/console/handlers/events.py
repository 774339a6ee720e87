"""The record, searched: a page of it, or the whole story of one webhook or WhatsApp message."""

from dataclasses import dataclass
from uuid import UUID

from libs.store.records import Records
from services.console.domain.events import EventQuery, Story, filter_from, shown
from services.console.domain.paging import Listed
from services.console.domain.principals import not_found
from services.console.handlers.calling import Answer, Call
from services.console.handlers.people import People


@dataclass(frozen=True, slots=True)
class Events:
    """The calls under `/events`."""

    records: Records
    people: People

    async def page(self, call: Call[EventQuery, None]) -> Answer:
        """Records that match, newest first."""
        query = call.query
        account_id, customers = call.principal.scope(query.account_id), None
        if query.phone is not None:
            person = await self.people.named(call.principal, account_id, query.phone)
            customers = frozenset(await self.people.pseudonyms(person))
        wanted = filter_from(query, account_id, customers)
        page = await self.records.page(wanted, limit=query.limit, cursor=query.cursor)
        return Answer(Listed(items=tuple(shown(record) for record in page.items), next_cursor=page.next_cursor))

    async def story(self, call: Call[None, None]) -> Answer:
        """Everything on record about one event, oldest first."""
        event_id = _canonical(call.ids["event_id"])
        records = await self.records.story(event_id)
        seen = [r for r in records if r.account_id is not None and call.principal.sees(r.account_id)]
        if call.principal.accounts is None:
            seen = list(records)
        if not seen:
            raise not_found()
        return Answer(Story(event_id=event_id, items=tuple(shown(record) for record in seen)))


def _canonical(event_id: str) -> str:
    try:
        return str(UUID(event_id))
    except ValueError:
        raise not_found() from None
