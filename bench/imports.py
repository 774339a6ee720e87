"""`python -m bench.imports`: measures imports of a long list, the same list again, one that is killed, and the export.

Each step is a process of its own with console's own code, so its memory is its own. The store is a SQLite file, or a
database on the server that GATEWAY_TEST_STORE_URL names, which is dropped afterwards.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any, Final

import orjson
import psutil

from libs.chassis.clock import new_id, utc_now
from libs.contracts.identity import Pseudonyms
from libs.store.accounts import Account
from libs.store.do_not_contact import DoNotContact, HashedErasedCustomers
from libs.store.factory import open_store
from libs.store.sealer import SealingKey
from libs.store.store import Store
from services.console.domain.imports import (
    CONSENT_COLUMNS,
    SUPPRESSION_COLUMNS,
    ConsentRow,
    ImportQuery,
    SuppressionRow,
)
from services.console.domain.principals import Principal, Role
from services.console.domain.suppression_exports import CustomerForm, SuppressionExportQuery
from services.console.handlers.calls import Call
from services.console.handlers.changes import Changes
from services.console.handlers.customer_lookup import CustomerLookup
from services.console.handlers.earlier_erasures import EarlierErasures
from services.console.handlers.import_batches import ApplyConsents, ApplySuppressions, ImportCustomers
from services.console.handlers.imports import ImportRows
from services.console.handlers.suppression_exports import ExportSuppressions
from tools.stack.given_store import given_server, own_database
from tools.stack.stack import sqlite_store
from tools.stack.stored_data import stored_data

ROOT: Final = Path(__file__).parents[1]
FIRST_PHONE: Final = 500_000_000
KINDS: Final = ("suppressions", "consents")
OPERATOR: Final = Principal(actor="bench", role=Role.OPERATOR, accounts=None, token_id=None)


@dataclass(frozen=True, slots=True)
class List:
    """A CSV file of different phones, made while it is read."""

    kind: str
    rows: int
    media_type: str = "text/csv"

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file, a thousand rows at a time."""
        column = "since" if self.kind == "suppressions" else "at"
        yield f"phone,{column},source\n".encode()
        for start in range(0, self.rows, 1_000):
            numbers = range(start, min(start + 1_000, self.rows))
            yield "".join(f"+966{FIRST_PHONE + number},2026-11-20,list of May\n" for number in numbers).encode()


def importer(store: Store, kind: str) -> ImportRows[Any]:
    """Console's own import."""
    hashes = DoNotContact((SealingKey("d1", bytes(32)),), Pseudonyms(bytes(32)), store.do_not_contact_entries)
    customers = ImportCustomers(CustomerLookup(store.customers, hashes), store.customer_links)
    known: dict[str, Any] = {"kind": kind, "directory": store.directory, "changes": _changes(store)}
    if kind == "suppressions":
        apply = ApplySuppressions(customers, store.suppressions, store.consents, store.imported_rows)
        return ImportRows(model=SuppressionRow, columns=SUPPRESSION_COLUMNS, apply=apply, **known)
    erasures = EarlierErasures(HashedErasedCustomers(store.erased_customers, hashes), hashes)
    opt_ins = ApplyConsents(customers, store.consents, erasures)
    return ImportRows(model=ConsentRow, columns=CONSENT_COLUMNS, apply=opt_ins, **known)


def _changes(store: Store) -> Changes:
    async def nothing_to_publish() -> None:
        """The broker is not measured here."""

    return Changes(store.registry, store.outbox, utc_now, new_id, nothing_to_publish)


async def import_list(url: str, account_id: str, kind: str, rows: int) -> None:
    """Import the list; a line of standard output for each batch, with its results."""
    store = await open_store(url)
    query = ImportQuery(account_id=account_id, import_id=f"imp_{account_id}")
    call: Call[ImportQuery, None] = Call(OPERATOR, {}, query, None, rows=List(kind, rows))
    async for part in (await importer(store, kind)(call)).content:
        lines = map(orjson.loads, part.splitlines())
        print(orjson.dumps(Counter(line["result"] for line in lines if "result" in line)).decode(), flush=True)
    await store.close()


async def export_list(url: str, account_id: str) -> None:
    """Export the suppressions with hashes; a line of standard output for each page."""
    store = await open_store(url)
    hashes = DoNotContact((SealingKey("d1", bytes(32)),), Pseudonyms(bytes(32)), store.do_not_contact_entries)
    query = SuppressionExportQuery(account_id=account_id, customers=CustomerForm.HASHED)
    export = ExportSuppressions(store.suppressions, store.directory, hashes)
    async for part in (await export(Call(OPERATOR, {}, query, None))).content:
        print(orjson.dumps({"exported": part.count(b'"id"')}).decode(), flush=True)
    await store.close()


def step(what: str, url: str, *arguments: str, until: int | None = None) -> Counter[str]:
    """Run a step as a process, killed after `until` rows; print its times and its memory, and return its results."""
    command = [sys.executable, "-m", "bench.imports", "--store", url, *arguments]
    start, early, highest, results = time.perf_counter(), 0, 0, Counter[str]()
    used = getrusage(RUSAGE_CHILDREN)
    before = used.ru_utime + used.ru_stime
    with subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE) as process:
        for line in process.stdout or ():
            results += Counter(orjson.loads(line))
            highest = max(highest, psutil.Process(process.pid).memory_info().rss)
            early = early or highest
            if until is not None and results.total() >= until:
                process.kill()
                break
    seconds, rows = time.perf_counter() - start, results.total()
    used = getrusage(RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before
    if process.returncode and until is None:
        raise RuntimeError(f"{what} ended with {process.returncode}")
    speed = f"{rows:>9,} rows in {seconds:6.1f} s  {rows / seconds:>7,.0f}/s, {cpu:6.1f} s of CPU"
    memory = f"{early / 1e6:.0f} MB at first, {highest / 1e6:.0f} MB at most"
    print(f"  {what:<22} {speed}  {memory}  {dict(results)}", flush=True)
    return results


async def prepare(url: str, accounts: tuple[str, ...]) -> None:
    """Make these accounts."""
    store = await open_store(url)
    for id_ in accounts:
        row = Account(id=id_, name="bench", business_name="Bench", created_at=utc_now(), updated_at=utc_now())
        await store.registry.save(row, [], created=True)
    await store.close()


def run(rows: int) -> None:
    """Make all steps. Raises RuntimeError when a row is missing, or there twice."""
    with tempfile.TemporaryDirectory(prefix="gateway-imports-") as folder:
        server = given_server()
        url = sqlite_store(Path(folder)) if server is None else own_database(server, Path(folder))
        try:
            asyncio.run(prepare(url, ("acc_whole", "acc_killed")))
            for kind in KINDS:
                whole = ("--account", "acc_whole", "--kind", kind, "--rows", str(rows))
                step(f"{kind} imported", url, *whole)
                step(f"{kind} again", url, *whole)
            killed = ("--account", "acc_killed", "--kind", "suppressions", "--rows", str(rows))
            step("killed in the middle", url, *killed, until=rows // 2)
            step("the rest", url, *killed)
            found = [step("exported", url, "--account", account) for account in ("acc_whole", "acc_killed")]
        finally:
            stored_data(url).remove()
    if [each["exported"] for each in found] != [rows, rows]:
        raise RuntimeError(f"{rows} rows were imported, and exported: {found}")


def main() -> None:
    """Parse the command line, and measure, or make one step."""
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--store", help="one step alone: the URL of its store")
    parser.add_argument("--account")
    parser.add_argument("--kind", choices=KINDS, help="of an import; without it the step is the export")
    given = parser.parse_args()
    if given.store is None:
        run(given.rows)
    elif given.kind is None:
        asyncio.run(export_list(given.store, given.account))
    else:
        asyncio.run(import_list(given.store, given.account, given.kind, given.rows))


if __name__ == "__main__":
    main()
