"""`ImportRows`: the operations `/suppressions/imports` and `/consents/imports`.

The rule: a file arrives as a whole before a row is applied, and each row's result is sent while the next ones are
applied, so that neither end waits for the other. An answer without its last line is incomplete; the same file, or the
rest of it, can be sent again, to any replica.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Generic, TypeVar

from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import ImportApplied
from libs.store.accounts import Directory
from services.console.domain.batches import batches_of
from services.console.domain.documents import Stream
from services.console.domain.import_rows import NDJSON, ReadRow, Refused, rows_of, validated
from services.console.domain.imports import (
    BATCH,
    MAX_BYTES,
    MAX_ROWS,
    ImportQuery,
    ImportRow,
    RowResult,
    line_of,
)
from services.console.domain.refusals import invalid
from services.console.handlers.accounts import account_in_field
from services.console.handlers.calls import Call, RowsFile
from services.console.handlers.changes import Changes
from services.console.handlers.import_batches import ApplyRows, ImportRun, Outcome

AT_ONCE: Final = 2
"""Imports that one replica applies at once: each is CPU for its numbers, and calls of the store."""
Row = TypeVar("Row", bound=ImportRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRows(Generic[Row]):
    """Imports rows of one kind."""

    kind: str
    model: type[Row]
    columns: tuple[str, ...]
    apply: ApplyRows[Row]
    directory: Directory
    changes: Changes
    batch: int = BATCH
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    """A further import waits: its answer begins, and its rows follow."""

    async def __call__(self, call: Call[ImportQuery, None]) -> Stream:
        """Apply a file, and answer with the result of each row. Safe to repeat, in whole or in part."""
        query, file = call.query, call.rows
        account = await account_in_field(self.directory, call.principal, query.account_id)
        if file is None:
            raise invalid("body", "is missing")
        content = tempfile.TemporaryFile()  # noqa: SIM115 -- closed when the answer has been sent
        try:
            await _spooled(file, content)
            rows = rows_of(content, file.media_type, self.columns)
            first = next(rows, None)
        except BaseException:
            content.close()
            raise
        run = ImportRun(
            import_id=query.import_id or self.changes.id_for("imp"),
            account=account,
            actor=call.principal.actor,
            now=self.changes.clock(),
            dry_run=query.dry_run,
            new_id=self.changes.new_id,
        )
        return Stream(self._lines(run, query.first_row, first, rows, content), NDJSON, f"{run.import_id}.jsonl")

    async def _lines(
        self, run: ImportRun, first_row: int, first: ReadRow | None, rows: Iterator[ReadRow], content: BinaryIO
    ) -> AsyncIterator[bytes]:
        totals: Counter[str] = Counter()
        with content:
            for batch in batches_of(_again(first, rows), self.batch):
                async with self.slots:
                    outcomes = await self._applied(run, batch)
                counted = Counter(_result_of(each).value for each in outcomes)
                totals += counted
                if not run.dry_run:
                    await self._record(run, first_row, batch, counted)
                offset = first_row - 1
                yield b"".join(_line(row.number + offset, each) for row, each in zip(batch, outcomes, strict=True))
        yield line_of(
            import_id=run.import_id, dry_run=run.dry_run, rows=totals.total(), results=dict(sorted(totals.items()))
        )

    async def _applied(self, run: ImportRun, batch: tuple[ReadRow, ...]) -> list[Outcome]:
        read = [validated(row.values, self.model) for row in batch]
        await asyncio.sleep(0)  # other calls come in between
        usable = [each for each in read if not isinstance(each, Refused)]
        applied = iter(await self.apply(run, usable))
        return [each if isinstance(each, Refused) else next(applied) for each in read]

    async def _record(self, run: ImportRun, first_row: int, batch: tuple[ReadRow, ...], results: Counter[str]) -> None:
        """One event for the batch: a million rows are a thousand events, which delay no message.

        Its id is new each time. An operator chooses import and row: under an id that is made of them, a second file
        would leave no record. A batch that is applied again is an event of unchanged rows.
        """
        number = batch[0].number + first_row - 1
        event = ImportApplied(
            account_id=run.account.id,
            actor=run.actor,
            import_id=run.import_id,
            kind=self.kind,
            first_row=number,
            rows=len(batch),
            results=dict(results),
        )
        await self.changes.record(event, at=run.now)


async def _spooled(file: RowsFile, content: BinaryIO) -> None:
    """Write the body to the file. Refuses one that is too long before a row is applied."""
    size, lines = 0, 0
    async for piece in file.pieces():
        size, lines = size + len(piece), lines + piece.count(b"\n")
        if size > MAX_BYTES or lines > MAX_ROWS + 1:
            raise GatewayError(ErrorCode.PAYLOAD_TOO_LARGE, {"limit": MAX_BYTES, "rows": MAX_ROWS})
        content.write(piece)
    content.seek(0)


def _again(first: ReadRow | None, rows: Iterator[ReadRow]) -> Iterator[ReadRow]:
    if first is not None:
        yield first
    yield from rows


def _result_of(outcome: Outcome) -> RowResult:
    return RowResult.REFUSED if isinstance(outcome, Refused) else outcome[0]


def _line(number: int, outcome: Outcome) -> bytes:
    if isinstance(outcome, Refused):
        told = {"field": outcome.field_name, "problem": outcome.problem, "code": outcome.code}
        return line_of(row=number, result=RowResult.REFUSED, **told)
    return line_of(row=number, result=outcome[0], id=outcome[1] or None)
