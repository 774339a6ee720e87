"""Messages at a steady rate, as callers ask for them: nobody waits for the answers to others."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.chaos.load import Load
from tests.e2e.waiting import eventually

PER_SECOND = 20.0
STEADY = 100
"""Messages in a row that are sent, by which traffic counts as undisturbed."""


@dataclass
class Traffic:
    """Messages that are asked for at a steady rate, whether earlier ones are answered or not."""

    load: Load
    per_second: float = PER_SECOND
    patience: float = 60.0
    """Seconds that it may take until traffic is undisturbed."""
    started: dict[int, float] = field(default_factory=dict)
    """When each message was asked for."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Traffic"]:
        """Ask while the block runs; returns when every caller has an answer."""
        stopping = asyncio.Event()
        task = asyncio.create_task(self._ask(stopping))
        try:
            yield self
        finally:
            stopping.set()
            await task

    async def _ask(self, stopping: asyncio.Event) -> None:
        begun, callers = time.monotonic(), []
        while not stopping.is_set():
            serial = len(self.started)
            await asyncio.sleep(max(0.0, begun + serial / self.per_second - time.monotonic()))
            self.started[serial] = time.monotonic()
            callers.append(asyncio.create_task(self.load.send(serial)))
        await asyncio.gather(*callers)

    async def steady(self, since: float = 0.0) -> None:
        """Return once so many messages in a row were sent that were asked for after a time."""
        last: Counter[str] = Counter()

        async def sent() -> bool:
            last.clear()
            last.update(self._answered(since)[-STEADY:])
            return last == {"sent": STEADY}

        try:
            await eventually(sent, seconds=self.patience, pause=0.1)
        except AssertionError:
            waiting = sorted(set(self.started) - set(self.load.answers))[:5]
            raise AssertionError(f"{last}, not answered: {waiting}, tried again: {self.load.unanswered}") from None

    def _answered(self, since: float) -> list[str]:
        """The results of the messages asked for after a time, up to the first that is not answered yet."""
        asked = [serial for serial, at in self.started.items() if at >= since]
        answers = self.load.answers
        return [answers[serial][1].result for serial in itertools.takewhile(answers.__contains__, asked)]

    def pending(self, *, since: float) -> list[float]:
        """How many seconds after `since` each message was asked for that was answered `pending`."""
        return sorted(
            round(self.started[serial] - since, 2)
            for serial, (_, answer) in self.load.answers.items()
            if answer.result == "pending" and self.started[serial] >= since - 1
        )

    def disturbed(self, *, since: float) -> float:
        """How many seconds after `since` the last message was asked for that was not sent at the first try."""
        answers, again = self.load.answers, self.load.tried_again
        sent = {serial for serial, (_, answer) in answers.items() if answer.result == "sent"} - again
        return max((at - since for serial, at in self.started.items() if serial not in sent), default=0.0)
