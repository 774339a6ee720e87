"""The operations under `/forwards`: a page of forwards, and one forward with its attempts."""

from dataclasses import dataclass

from libs.store.forwards import Forwards as ForwardStore
from services.console.domain.forwards import ForwardQuery, filter_from, forward_detail_from, forward_view_from
from services.console.domain.pagination import ListPage
from services.console.domain.refusals import not_found
from services.console.handlers.calls import Answer, Call


@dataclass(frozen=True, slots=True)
class Forwards:
    """Lists and shows forwards."""

    store: ForwardStore

    async def page(self, call: Call[ForwardQuery, None]) -> Answer:
        """The forwards that match, latest first."""
        query = call.query
        wanted = filter_from(query, call.principal.scope(query.account_id))
        page = await self.store.page(wanted, limit=query.limit, cursor=query.cursor)
        return Answer(ListPage(items=tuple(map(forward_view_from, page.items)), next_cursor=page.next_cursor))

    async def show(self, call: Call[None, None]) -> Answer:
        """One forward with its attempts."""
        found = await self.store.get(call.ids["forward_id"])
        if found is None or not call.principal.can_see(found.account_id or ""):
            raise not_found()
        return Answer(forward_detail_from(found))
