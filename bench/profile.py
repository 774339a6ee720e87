"""`python -m bench.profile`: where each process's CPU time for one message goes, by part of the work, in microseconds.

The gateway runs as in `make bench`, with 64 requests in flight. A first run measures the CPU time of each process, a
second one samples with py-spy which stack holds each service's interpreter lock, and counts RabbitMQ's work
(reductions) by kind of Erlang process. The shares of the second are scaled to the times of the first, because a
profiler slows down what it looks at: those of the event loop's thread to its time, those of the others to theirs. What
runs without the lock, as SQLite and system calls do, is thereby spread over what its thread does with the lock.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop

from bench.broker_work import reductions
from bench.page import PAGE
from bench.profile_page import Profile, write
from bench.profile_parts import BROKER_PARTS, part_of
from bench.results import MANY, Results
from bench.stand import Extent, stack_under_load
from tools.broker import BrokerNode

RATE = 100
"""Samples a second of each process."""
SERVICES = ("ingress-1", "policy-1", "sender-1", "audit-1")


def sampler() -> str:
    """The path of py-spy. Exits with a sentence when it is not installed."""
    found = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if found is None:
        raise SystemExit("py-spy is not installed: run `make setup`")
    return found


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a process by part: the event loop's thread, and the others."""

    loop: Counter[str]
    others: Counter[str]


def loop_share(before: dict[int, float], after: dict[int, float], pid: int) -> float:
    """The share of the event loop's thread, whose id is the process's, in the CPU time between two `thread_times`."""
    used = {thread: seconds - before.get(thread, 0.0) for thread, seconds in after.items()}
    return used[pid] / (sum(used.values()) or 1.0)


def thread_times(pid: int) -> dict[int, float]:
    """The CPU seconds of each thread of a process so far."""
    return {each.id: each.user_time + each.system_time for each in psutil.Process(pid).threads()}


def scaled(samples: Samples, cpu_us: float, share: float) -> dict[str, float]:
    """Microseconds of each part, of a process with this CPU time and this share of the event loop's thread."""
    found: dict[str, float] = {}
    for counts, micros in ((samples.loop, cpu_us * share), (samples.others, cpu_us * (1 - share))):
        for part, count in counts.items() if counts else (("other threads", 1),):
            found[part] = found.get(part, 0.0) + micros * count / max(counts.total(), 1)
    return found


async def sampled(program: str, pid: int, folder: Path, seconds: int) -> Samples:
    """How many samples of a process fall to each part; threads without the interpreter lock are not seen."""
    out = folder / f"{pid}.txt"
    options = (
        "--gil",
        "--threads",
        "--format",
        "raw",
        "--full-filenames",
        "--rate",
        str(RATE),
        "--duration",
        str(seconds),
    )
    process = await asyncio.create_subprocess_exec(
        program, "record", *options, "--pid", str(pid), "--output", str(out),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    if process.returncode:
        raise SystemExit(f"py-spy cannot read process {pid}: {errors.decode(errors='replace')[-500:]}")
    return parts_in(out.read_text("utf-8"))


def parts_in(text: str) -> Samples:
    """The samples in py-spy's raw output: a line has a thread, its stack, outermost first, and a count."""
    found = Samples(Counter(), Counter())
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        (found.loop if "MainThread" in thread else found.others)[part_of(frames)] += int(count)
    return found


async def broker_parts(broker: BrokerNode, before: Mapping[str, int]) -> Counter[str]:
    """RabbitMQ's work since `before`, by part."""
    found: Counter[str] = Counter()
    for kind, count in (await reductions(broker)).items():
        found[BROKER_PARTS.get(kind, "everything else")] += max(0, count - before.get(kind, 0))
    return found


async def run(seconds: int) -> list[Profile]:
    """Measure; the profile of each process."""
    program = sampler()
    with tempfile.TemporaryDirectory(prefix="gateway-profile-") as name:
        async with stack_under_load(Results(), Extent(rounds=1, seconds=seconds, quick=True)) as bench:
            if bench.stack.broker is None:
                raise RuntimeError("the profile needs its own broker")
            pids = {each.name: each.pid for each in bench.stack.processes}
            used = {each: thread_times(pids[each]) for each in SERVICES}
            measured = await bench.site.closed(in_flight=MANY, seconds=seconds)
            print(measured.timing.line("without the profiler"), flush=True)
            cpu = {cost.name: cost.cpu_us for cost in measured.costs}
            shares = {each: loop_share(used[each], thread_times(pids[each]), pids[each]) for each in SERVICES}
            before = await reductions(bench.stack.broker)
            load = asyncio.create_task(bench.site.closed(in_flight=MANY, seconds=seconds + 2))
            samples = await asyncio.gather(*(sampled(program, pids[each], Path(name), seconds) for each in SERVICES))
            work = await broker_parts(bench.stack.broker, before)
            print((await load).timing.line("with the profiler"), flush=True)
    services = [
        Profile(each, scaled(found, cpu[each], shares[each])) for each, found in zip(SERVICES, samples, strict=True)
    ]
    return [*services, Profile("rabbitmq", scaled(Samples(work, Counter()), cpu["rabbitmq"], 1.0))]


def main() -> None:
    """Parse the command line, measure, print, and write the section of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--page", action="store_true", help="write the section of docs/performance.md")
    flags = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        profiles = runner.run(run(flags.seconds))
    for profile in profiles:
        print(f"{profile.name}: {profile.cpu_us:.0f} us a message")
        for part, micros in profile.largest_first():
            print(f"  {part:<52} {micros:6.0f}")
    if flags.page:
        write(PAGE, profiles)


if __name__ == "__main__":
    main()
