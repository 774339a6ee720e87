"""What ends while a stack runs is started again with a line, at once at first and later when it ends again soon."""

import asyncio
from dataclasses import dataclass, field

import pytest

from tools.broker import BrokerFailed
from tools.stack.supervision import LONGEST_PAUSE, STEADY_SECONDS, RestartPauses, Supervisor, ending_of


@dataclass
class Time:
    """A clock that only sleeping moves; it stops the test at `end`."""

    now: float = 0.0
    end: float = 1_000.0
    pauses: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        if self.now > self.end:
            raise asyncio.CancelledError
        await asyncio.sleep(0)


@dataclass
class Process:
    """A process that runs `runs[0]` seconds, then `runs[1]`, …"""

    time: Time
    runs: list[float]
    name: str = "policy-1"
    exit_code: int | None = 1
    starts: list[float] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    @property
    def running(self) -> bool:
        began = self.starts[-1] if self.starts else 0.0
        return self.time.now < began + (self.runs[0] if self.runs else 10_000.0)

    async def restart(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.starts.append(self.time.now)
        self.runs = self.runs[1:]

    def tail(self, lines: int) -> str:
        return "\n".join(f"line {number}" for number in range(lines))


async def lines_of(*processes: Process) -> list[str]:
    said: list[str] = []
    time = processes[0].time
    await Supervisor(say=said.append, monotonic=time, sleep=time.sleep).keep(*processes)
    return said


async def test_what_ends_is_started_again_at_once_and_a_line_says_so() -> None:
    process = Process(Time(), runs=[100.0], exit_code=-9)

    said = await lines_of(process)

    assert process.starts == [100.0]
    assert said == ["policy-1 was killed by SIGKILL; it is started again now.", "policy-1 is started again."]


async def test_what_ends_with_an_error_shows_the_end_of_its_log() -> None:
    said = await lines_of(Process(Time(), runs=[100.0], exit_code=2))

    assert said[0].splitlines() == [
        "policy-1 ended with exit code 2; it is started again now. The end of its log:",
        *(f"  line {number}" for number in range(5)),
    ]


async def test_what_ends_again_and_again_waits_longer_each_time() -> None:
    process = Process(Time(), runs=[1.0] * 8)

    await lines_of(process)

    waits = [later - earlier - 1.0 for earlier, later in zip([0.0, *process.starts], process.starts, strict=False)]
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_steady_run_forgets_the_failures_before_it() -> None:
    pauses = RestartPauses()

    told = [pauses.after(ran) for ran in (1.0, 1.0, 1.0, STEADY_SECONDS, 1.0)]

    assert told == [0.0, 1.0, 2.0, 0.0, 1.0]


async def test_a_broker_that_does_not_start_is_tried_again_while_the_others_are_watched() -> None:
    time = Time(end=500.0)
    broker = Process(time, runs=[5.0], name="broker", failures=[BrokerFailed("the disk is full")] * 3)
    other = Process(time, runs=[6.0], name="sender-1")

    said = await lines_of(broker, other)

    assert len(broker.starts) == len(other.starts) == 1
    assert said.count("broker did not start: the disk is full") == 3
    assert said.index("sender-1 is started again.") < said.index("broker is started again.")


async def test_a_connection_that_the_library_cancels_ends_no_watch() -> None:
    process = Process(Time(), runs=[5.0], name="broker", failures=[asyncio.CancelledError()])

    said = await lines_of(process)

    assert len(process.starts) == 1
    assert "broker did not start: CancelledError" in said


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (None, "ended"),
        (0, "ended"),
        (3, "ended with exit code 3"),
        (-15, "was killed by SIGTERM"),
        (-99, "was killed by signal 99"),
    ],
)
def test_an_ending_is_told_by_its_exit_code(code: int | None, text: str) -> None:
    assert ending_of(code) == text
