"""`Supervisor`: starts again what ends while a stack runs, services, simulator and broker, and says so.

What ends again soon after its start waits longer each time, so that a process that cannot run does not fill the log.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from tools.broker import BrokerFailed
from tools.stack.processes import StartFailed

POLL_SECONDS: Final = 0.25
STEADY_SECONDS: Final = 30.0
"""A process that ran this long is started again at once."""
LONGEST_PAUSE: Final = 30.0
SHOWN_LINES: Final = 5


class Supervised(Protocol):
    """Something of a stack that runs until it ends."""

    @property
    def name(self) -> str:
        """What the operator knows it by."""

    @property
    def running(self) -> bool:
        """True until it has ended."""

    @property
    def exit_code(self) -> int | None:
        """The exit code, or minus the number of the signal that killed it."""

    async def restart(self) -> None:
        """Start it again. Raises BrokerFailed or StartFailed."""

    def tail(self, lines: int) -> str:
        """The last lines of its log."""


@dataclass(slots=True)
class RestartPauses:
    """How long to wait before each start of one process."""

    _failures: int = 0

    def after(self, ran: float) -> float:
        """The pause in seconds after a run of `ran` seconds: 0, then 1, 2, 4, … up to 30 after short ones."""
        if ran >= STEADY_SECONDS:
            self._failures = 0
        pause = min(LONGEST_PAUSE, 2.0 ** (self._failures - 1)) if self._failures else 0.0
        self._failures += 1
        return pause


def ending_of(exit_code: int | None) -> str:
    """How a process ended, as the end of a sentence."""
    if exit_code is None or exit_code == 0:
        return "ended"
    if exit_code > 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """Watches until it is cancelled."""

    say: Callable[[str], None]
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    pauses: dict[str, RestartPauses] = field(default_factory=dict)

    async def keep(self, *watched: Supervised) -> None:
        """Keep all of them running, each by itself."""
        async with asyncio.TaskGroup() as tasks:
            for each in watched:
                tasks.create_task(self._keep(each))

    async def _keep(self, watched: Supervised) -> None:
        pauses = self.pauses.setdefault(watched.name, RestartPauses())
        while True:
            started = self.monotonic()
            while watched.running:
                await self.sleep(POLL_SECONDS)
            pause = pauses.after(self.monotonic() - started)
            self.say(_line_about(watched, pause))
            await self.sleep(pause)
            try:
                await watched.restart()
            except (BrokerFailed, StartFailed) as error:
                self.say(f"{watched.name} did not start: {error}")
            except asyncio.CancelledError as error:
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                self.say(f"{watched.name} did not start: {type(error).__name__}")  # by the AMQP library
            else:
                self.say(f"{watched.name} is started again.")


def _line_about(watched: Supervised, pause: float) -> str:
    """The line about an ending; a process that ended by itself with an error also shows its last log lines."""
    when = f"in {pause:.0f} s" if pause else "now"
    line = f"{watched.name} {ending_of(watched.exit_code)}; it is started again {when}."
    if not watched.exit_code or watched.exit_code < 0:
        return line
    shown = "\n".join(f"  {text}" for text in watched.tail(SHOWN_LINES).splitlines())
    return f"{line} The end of its log:\n{shown}"
