"""`ReadingProcess`: what it reads, what ends it, and that nothing is lost with it."""

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import psutil
import pytest
from multidict import CIMultiDict

from libs.contracts.errors import ErrorCode, GatewayError
from libs.providers.cloud_api.webhook import CloudApiWebhooks
from libs.providers.inbound import Skip, UnreadablePost, WebhookRequest, WebhookSecrets
from services.ingress.adapters.reading import EVENTS_OF_A_FRAME, NICENESS
from services.ingress.adapters.reading_process import ReadingProcess
from tests.e2e.waiting import eventually
from tests.unit.ingress.deadly_source import Deadly
from tests.unit.ingress.world import NOW
from tests.unit.providers.cloud_api.samples import MESSAGE, document_of

SOURCE = CloudApiWebhooks(WebhookSecrets(app_secret=b"secret", verify_token=b"token"))


def a_post(messages: int) -> WebhookRequest:
    said = [MESSAGE | {"id": f"wamid.{each}", "from": f"1650555{each:05d}"} for each in range(messages)]
    body = orjson.dumps(document_of(messages=[*said, MESSAGE | {"id": None}]))
    return WebhookRequest(headers=CIMultiDict(), received_at=NOW, body=body)


def divides_among_sessions() -> bool:
    """Whether the kernel does, and lets this user set a session's niceness at any time (others ten times a second)."""
    enabled = Path("/proc/sys/kernel/sched_autogroup_enabled")
    return enabled.exists() and enabled.read_text().strip() == "1" and os.geteuid() == 0


async def test_a_post_holds_the_same_wherever_it_is_read() -> None:
    count = 3 * EVENTS_OF_A_FRAME + 1
    here = SOURCE.parse(a_post(count))

    async with ReadingProcess() as reader:
        there = await reader.read(SOURCE, a_post(count))

    assert list(there.events) == list(here.events)
    assert len(there.events) == count
    assert [list(there.events[start:end]) for start, end in ((0, 8), (5, 19), (20, 99), (7, 7))] == [
        list(here.events[start:end]) for start, end in ((0, 8), (5, 19), (20, 99), (7, 7))
    ]
    assert there.events[-1] == here.events[-1]
    assert (there.skipped, there.fields, there.unreadable) == (here.skipped, here.fields, here.unreadable)
    assert there.unreadable


async def test_one_process_reads_all_posts_and_ends_with_its_reader() -> None:
    async with ReadingProcess() as reader:
        await reader.read(SOURCE, a_post(1))
        first = reader.pid
        await reader.read(SOURCE, a_post(1))

        assert first is not None
        assert reader.pid == first
        assert os.getsid(first) != os.getsid(0)

    assert not psutil.pid_exists(first)


async def test_callers_come_first_in_a_session_and_among_sessions() -> None:
    async with ReadingProcess() as reader:
        await reader.read(SOURCE, a_post(1))
        assert reader.pid is not None

        assert psutil.Process(reader.pid).nice() == os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
        if divides_among_sessions():
            assert Path(f"/proc/{reader.pid}/autogroup").read_text().endswith(f" nice {NICENESS}\n")


@pytest.mark.parametrize("how", ["dies", "raises", "memory", "computes"])
async def test_a_post_that_ends_the_process_twice_is_kept_as_unreadable_and_the_next_one_is_read(how: str) -> None:
    async with ReadingProcess() as reader:
        inbound = await reader.read(Deadly(how), a_post(1))
        next_one = await reader.read(SOURCE, a_post(2))

    assert not inbound.is_whole
    assert inbound.unreadable == (UnreadablePost(a_post(1).body),)
    assert inbound.skipped == {Skip.UNREADABLE: 1}
    assert len(next_one.events) == 2


async def test_a_process_that_somebody_ended_between_two_posts_is_started_again() -> None:
    async with ReadingProcess() as reader:
        await reader.read(SOURCE, a_post(1))
        os.kill(reader.pid or 0, signal.SIGKILL)

        inbound = await reader.read(SOURCE, a_post(3))

    assert len(inbound.events) == 3
    assert inbound.is_whole is False  # of its one part without an id alone
    assert len(inbound.unreadable) == 1


async def test_a_post_that_takes_too_long_is_for_the_provider_to_repeat() -> None:
    async with ReadingProcess(seconds=60.0) as patient:
        await patient.read(SOURCE, a_post(1))  # how long a start takes is the machine's affair
        patient._seconds = 0.2

        with pytest.raises(GatewayError) as refused:
            await patient.read(Deadly("waits"), a_post(1))

        patient._seconds = 60.0
        assert len((await patient.read(SOURCE, a_post(2))).events) == 2
    assert refused.value.code is ErrorCode.GATEWAY_UNAVAILABLE


async def test_a_post_is_for_the_provider_to_repeat_where_no_process_can_be_started() -> None:
    async with ReadingProcess(("/no/such/program",)) as reader:
        with pytest.raises(GatewayError):
            await reader.read(SOURCE, a_post(1))


async def test_the_answer_to_a_cancelled_request_is_not_taken_for_the_next_ones() -> None:
    async with ReadingProcess() as reader:
        await reader.read(SOURCE, a_post(1))
        cancelled = asyncio.create_task(reader.read(SOURCE, a_post(500)))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])

        assert cancelled.cancelled()
        assert len((await reader.read(SOURCE, a_post(2))).events) == 2


async def test_the_process_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with parent(tmp_path) as (process, reader):
        assert reader.is_running()

        process.kill()

        assert await eventually(lambda: _gone(reader), seconds=30.0)


PARENT = f"""
import asyncio, pickle, sys
from {ReadingProcess.__module__} import ReadingProcess

async def main():
    reader = ReadingProcess()
    with open(sys.argv[1], "rb") as file:
        await reader.read(*pickle.load(file))
    print(reader.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@contextmanager
def parent(folder: Path) -> Iterator[tuple[psutil.Popen, psutil.Process]]:
    (folder / "post").write_bytes(pickle.dumps((SOURCE, a_post(1))))
    process = psutil.Popen([sys.executable, "-c", PARENT, folder / "post"], stdout=-1)
    try:
        yield process, psutil.Process(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


async def _gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
