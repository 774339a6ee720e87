"""The writer thread of one SQLite file: all changes that wait when it is free become one transaction (group commit).

The rule: a change returns only after its transaction is on disk, and a failed change rolls back alone. Savepoints are
for transactions of which a change has failed: it is made again with one for each change, so that the usual one does
without. So a change may run twice, and has no effect but on its connection.

What one step of an event loop asks for is handed over together: a thread that is woken for each change makes small
transactions, and takes the interpreter's lock from the loop each time (docs/decisions/0079-cpu-of-a-message.md).
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

Change = Callable[[sqlite3.Connection], Any]
Check = Callable[[sqlite3.Connection], None]
MAX_BATCH = 256
"""Changes in one transaction at most, so that the first does not wait long (some 40 µs each)."""
GATHERED = 16
"""So many changes are handed over without waiting for the rest of the loop's step, which is some milliseconds of work:
the disk then writes while the loop goes on."""


class _Request(NamedTuple):
    change: Change
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class _Result(NamedTuple):
    request: _Request
    result: Any
    error: Exception | None


class Writer:
    """Owns the write connection. Call `submit` on an event loop.

    `check` raises a sqlite3.Error when what is written now would be lost. It runs before each transaction, and again
    before its results are given out, so that a claim in a file that was removed meanwhile is no claim.
    """

    def __init__(self, connection: sqlite3.Connection, name: str, check: Check) -> None:
        self._connection = connection
        self._check = check
        self.wrote_at = float("-inf")
        """When a transaction last changed the file, by the monotonic clock."""
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Request]] = {}
        self._thread = threading.Thread(target=self._run, name=f"write {name}", daemon=True)
        self._thread.start()

    def submit(self, change: Change) -> asyncio.Future[Any]:
        """Queue a change; the future gets its result once it is durable. Cancelling the future stops no change."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        gathered = self._gathered.get(loop)
        if gathered is None:
            gathered = self._gathered[loop] = []
            loop.call_soon(self._hand_over, loop)
        gathered.append(_Request(change, future, loop))
        if len(gathered) == GATHERED:
            self._hand_over(loop)
        return future

    def stop(self) -> None:
        """Run the queued changes, then close the connection. Blocks until then."""
        for loop in tuple(self._gathered):
            self._hand_over(loop)
        self._queue.put(None)
        self._thread.join()

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Queue what a loop has gathered; whoever comes second, the loop or `stop`, finds nothing."""
        for request in self._gathered.pop(loop, ()):
            self._queue.put(request)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch, stopping = self._next_batch()
            if batch:
                _set_results(self._results_of(batch))
        self._connection.close()

    def _results_of(self, batch: list[_Request]) -> list[_Result]:
        """The results of one transaction. Whatever fails, the callers are told and the thread goes on."""
        try:
            return self._transact(batch)
        except Exception as error:  # noqa: BLE001 -- such as a rollback that fails on a full disk; it is repeated
            return [_Result(request, None, error) for request in batch]

    def _next_batch(self) -> tuple[list[_Request], bool]:
        batch: list[_Request] = []
        request = self._queue.get()
        while request is not None:
            batch.append(request)
            if len(batch) == MAX_BATCH:
                return batch, False
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _transact(self, batch: list[_Request]) -> list[_Result]:
        try:
            self._check(self._connection)
            changed = self._connection.total_changes
            results = self._made_together(batch) or self._made_apart(batch)
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
            self._check(self._connection)
            if self._connection.total_changes > changed:
                self.wrote_at = time.monotonic()
        except sqlite3.Error as error:
            self._roll_back()
            return [_Result(request, None, error) for request in batch]
        return results

    def _made_together(self, batch: list[_Request]) -> list[_Result] | None:
        """The results of all changes; None, with nothing changed, when one of several fails."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            return [_Result(request, request.change(self._connection), None) for request in batch]
        except Exception as error:  # noqa: BLE001 -- passed to the caller, or met again
            self._roll_back()
            return [_Result(batch[0], None, error)] if len(batch) == 1 else None

    def _made_apart(self, batch: list[_Request]) -> list[_Result]:
        """The results of all changes, of which each rolls back alone."""
        self._connection.execute("BEGIN IMMEDIATE")
        return [self._run_in_savepoint(request) for request in batch]

    def _run_in_savepoint(self, request: _Request) -> _Result:
        self._connection.execute("SAVEPOINT change")
        try:
            result = request.change(self._connection)
        except Exception as error:  # noqa: BLE001 -- passed to the caller
            self._connection.execute("ROLLBACK TO change")  # raises when a full disk rolled back the whole transaction
            self._connection.execute("RELEASE change")
            return _Result(request, None, error)
        self._connection.execute("RELEASE change")
        return _Result(request, result, None)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _set_results(results: list[_Result]) -> None:
    """Set the results of all futures; wakes each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Result]] = {}
    for one in results:
        by_loop.setdefault(one.request.loop, []).append(one)
    for loop, group in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(_set_results_on_loop, group)


def _set_results_on_loop(results: list[_Result]) -> None:
    for request, result, error in results:
        if request.future.done():  # cancelled
            continue
        if error is None:
            request.future.set_result(result)
        else:
            request.future.set_exception(error)
