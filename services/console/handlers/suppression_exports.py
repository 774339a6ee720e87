"""`ExportSuppressions`: the operation `/suppressions/export`. It never holds more than one page of rows."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from libs.store.accounts import Directory
from libs.store.conversations import Suppression, Suppressions
from libs.store.do_not_contact import DoNotContact
from services.console.domain.documents import Stream
from services.console.domain.import_rows import NDJSON
from services.console.domain.suppression_exports import (
    CustomerForm,
    HashOfCustomer,
    SuppressionExportQuery,
    last_line,
    line_of,
)
from services.console.handlers.accounts import account_in_field
from services.console.handlers.calls import Call

PAGE: Final = 1_000
"""Rows that are read at once, about 1 MB."""


@dataclass(frozen=True, slots=True)
class ExportSuppressions:
    """Streams the active suppressions of an account, or of all, in the order of their ids."""

    store: Suppressions
    directory: Directory
    do_not_contact: DoNotContact
    page_size: int = PAGE

    async def __call__(self, call: Call[SuppressionExportQuery, None]) -> Stream:
        """One line for each suppression, and a last one with their number. The first page is read before the answer.

        What is suppressed or lifted meanwhile may be in it or not; everything else is in it once.
        """
        account_id = call.principal.scope(call.query.account_id)
        if account_id is not None:
            await account_in_field(self.directory, call.principal, account_id)
        hash_of = self.do_not_contact.exported if call.query.customers is CustomerForm.HASHED else None
        first = await self._page(account_id, None)
        return Stream(self._lines(account_id, first, hash_of), NDJSON, f"suppressions-{account_id or 'all'}.jsonl")

    async def _lines(
        self, account_id: str | None, page: Sequence[Suppression], hash_of: HashOfCustomer | None
    ) -> AsyncIterator[bytes]:
        rows = 0
        while page:
            yield b"".join(line_of(row, hash_of) for row in page)
            rows += len(page)
            page = await self._page(account_id, page[-1].id)
        yield last_line(rows)

    async def _page(self, account_id: str | None, after: str | None) -> Sequence[Suppression]:
        return await self.store.page(account_id=account_id, customer_key=None, after=after, limit=self.page_size)
