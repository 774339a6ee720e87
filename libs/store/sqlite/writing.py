"""One thread that writes to one SQLite file: whatever waits when it is free becomes one transaction (group commit).

The rule: a change is answered only after its transaction is on the disk, and a change that fails undoes itself alone.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

Change = Callable[[sqlite3.Connection], Any]
AT_ONCE = 256
"""Changes in one transaction at most, so that the first of them does not wait for long (some 40 µs each)."""


class _Asked(NamedTuple):
    change: Change
    answer: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class _Done(NamedTuple):
    asked: _Asked
    result: Any
    error: Exception | None


class Writer:
    """Owns the connection that writes; `ask` is for the event loop's thread."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"write {name}", daemon=True)
        self._thread.start()

    def ask(self, change: Change) -> asyncio.Future[Any]:
        """Have `change` made; the future has its result once it is durable. Cancelling it stops no write."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._asked.put(_Asked(change, answer, loop))
        return answer

    def stop(self) -> None:
        """Make the changes that were asked for, then close the connection; blocks until then."""
        self._asked.put(None)
        self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch, stopping = self._next_batch()
            if batch:
                _deliver(self._transact(batch))
        self._connection.close()

    def _next_batch(self) -> tuple[list[_Asked], bool]:
        batch: list[_Asked] = []
        asked = self._asked.get()
        while asked is not None:
            batch.append(asked)
            if len(batch) == AT_ONCE:
                return batch, False
            try:
                asked = self._asked.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _transact(self, batch: list[_Asked]) -> list[_Done]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            done = [self._alone(batch[0])] if len(batch) == 1 else [self._make(asked) for asked in batch]
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            return [_Done(asked, None, error) for asked in batch]
        return done

    def _alone(self, asked: _Asked) -> _Done:
        """Make the only change of a transaction: it has no neighbours to be kept apart from."""
        try:
            return _Done(asked, asked.change(self._connection), None)
        except Exception as error:  # noqa: BLE001 -- as below
            self._roll_back()
            return _Done(asked, None, error)

    def _make(self, asked: _Asked) -> _Done:
        self._connection.execute("SAVEPOINT change")
        try:
            result = asked.change(self._connection)
        except Exception as error:  # noqa: BLE001 -- whoever asked is told, in their own task
            self._connection.execute("ROLLBACK TO change")  # raises when a full disk undid the neighbours too
            self._connection.execute("RELEASE change")
            return _Done(asked, None, error)
        self._connection.execute("RELEASE change")
        return _Done(asked, result, None)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _deliver(done: list[_Done]) -> None:
    """Answer everyone, waking each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Done]] = {}
    for one in done:
        by_loop.setdefault(one.asked.loop, []).append(one)
    for loop, its in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_answer, its)


def _answer(done: list[_Done]) -> None:
    for asked, result, error in done:
        if asked.answer.done():  # whoever asked was cancelled
            continue
        if error is None:
            asked.answer.set_result(result)
        else:
            asked.answer.set_exception(error)
