"""Opens the SQLite store: five files side by side, each with one writer."""

import asyncio
from pathlib import Path

from libs.contracts.errors import GatewayError, unavailable
from libs.store.opening import Store
from libs.store.sqlite import schema
from libs.store.sqlite.accounts import SqliteDirectory, SqliteRegistry
from libs.store.sqlite.chains import SqliteChains, SqliteCheckpoints, SqlitePurges
from libs.store.sqlite.conversations import SqliteConversations, SqliteSuppressions
from libs.store.sqlite.database import Database, prepare
from libs.store.sqlite.dead_letters import SqliteDeadLetters
from libs.store.sqlite.decisions import SqliteDecisions
from libs.store.sqlite.erasing import SqliteErasures, SqlitePeople
from libs.store.sqlite.errands import SqliteErrands
from libs.store.sqlite.forwards import SqliteForwards
from libs.store.sqlite.idempotency import SqliteAnswers, SqliteIdempotency
from libs.store.sqlite.identities import SqliteIdentities
from libs.store.sqlite.ledger import SqliteLedger, SqlitePacing
from libs.store.sqlite.outbox import SqliteOutbox
from libs.store.sqlite.records import SqliteRecords
from libs.store.sqlite.statuses import SqliteStatuses
from libs.store.sqlite.subjects import SqliteSubjects
from libs.store.sqlite.tallies import SqliteTallies
from libs.store.sqlite.tokens import SqliteTokens
from libs.store.sqlite.turns import SqliteTurns


async def open_sqlite(path: Path) -> Store:
    """Open `path` and, beside it, the files for requests, ledger, records and subjects; raises as `open_store` does."""
    main, requests, ledger, records, subjects = await asyncio.to_thread(_open_files, path)

    async def healthy() -> bool:
        try:
            return main.row("SELECT 1") is not None
        except GatewayError:
            return False

    async def close() -> None:
        for database in (main, requests, ledger, records, subjects):
            await database.close()

    turns = SqliteTurns(main)
    return Store(
        directory=SqliteDirectory(main),
        registry=SqliteRegistry(main),
        outbox=SqliteOutbox(main),
        conversations=SqliteConversations(main),
        suppressions=SqliteSuppressions(main),
        identities=SqliteIdentities(main),
        decisions=SqliteDecisions(main, turns),
        ledger=SqliteLedger(ledger),
        pacing=SqlitePacing(ledger),
        statuses=SqliteStatuses(ledger),
        turns=turns,
        idempotency=SqliteIdempotency(requests),
        answers=SqliteAnswers(requests, records, ledger),
        records=SqliteRecords(records),
        chains=SqliteChains(records),
        checkpoints=SqliteCheckpoints(records),
        purges=SqlitePurges(records),
        forwards=SqliteForwards(ledger),
        dead_letters=SqliteDeadLetters(main),
        tallies=SqliteTallies(records),
        errands=SqliteErrands(main),
        subjects=SqliteSubjects(subjects),
        tokens=SqliteTokens(main),
        token_registry=SqliteTokens(main),
        erasures=SqliteErasures(main),
        people=SqlitePeople(main, ledger, requests),
        healthy=healthy,
        close=close,
    )


def _open_files(path: Path) -> list[Database]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unavailable("store") from error
    files = {
        path: schema.MAIN,
        beside(path, "requests"): schema.REQUESTS,
        beside(path, "ledger"): schema.LEDGER,
        beside(path, "records"): schema.RECORDS,
        beside(path, "subjects"): schema.SUBJECTS,
    }
    for file, tables in files.items():  # all that can be refused is refused before any thread is started
        prepare(file, tables, schema.VERSION)
    return [Database(file) for file in files]


def beside(path: Path, what: str) -> Path:
    """The file for `what` beside the store's own: `gateway-ledger.db` beside `gateway.db`."""
    return path.with_name(f"{path.stem}-{what}{path.suffix}")
