"""What 3CX systems were told: a page of it, or one forward with its tries."""

from dataclasses import dataclass

from libs.store.forwards import Forwards as Account
from services.console.domain.forwards import ForwardQuery, filter_from, shown, told
from services.console.domain.paging import Listed
from services.console.domain.principals import not_found
from services.console.handlers.calling import Answer, Call


@dataclass(frozen=True, slots=True)
class Forwards:
    """The calls under `/forwards`."""

    store: Account

    async def page(self, call: Call[ForwardQuery, None]) -> Answer:
        """Forwards that match, the latest first."""
        query = call.query
        wanted = filter_from(query, call.principal.scope(query.account_id))
        page = await self.store.page(wanted, limit=query.limit, cursor=query.cursor)
        return Answer(Listed(items=tuple(shown(item) for item in page.items), next_cursor=page.next_cursor))

    async def show(self, call: Call[None, None]) -> Answer:
        """One forward with its tries."""
        found = await self.store.get(call.ids["forward_id"])
        if found is None or not call.principal.sees(found.account_id or ""):
            raise not_found()
        return Answer(told(found))
