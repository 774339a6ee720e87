"""Sixty in any minute: sliding, shared by every process that counts in the same place, and exact."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits.aio.storage import MemoryStorage

from libs.contracts.errors import ErrorCode, GatewayError
from services.ingress.adapters.rate_limits import MovingWindowRateLimits, storage_from
from services.ingress.adapters.sqlite_windows import SqliteWindows


@dataclass
class Clock:
    at: float = 1_000_000.0

    def __call__(self) -> float:
        return self.at


def opened(folder: Path, clock: Clock) -> MovingWindowRateLimits:
    url = f"sqlite:///{folder}/gateway.db"
    return MovingWindowRateLimits(storage_from("store", store_url=url, now=clock), now=clock)


async def test_the_sixty_first_request_of_a_minute_is_told_when_to_come_back(tmp_path: Path) -> None:
    clock = Clock()
    limits = opened(tmp_path, clock)

    first = [await limits.hit("int-1") for _ in range(60)]
    clock.at += 20
    refused = await limits.hit("int-1")
    other = await limits.hit("int-2")

    assert first == [None] * 60
    assert refused == pytest.approx(40)
    assert other is None


async def test_a_minutes_edge_does_not_let_twice_as_many_through(tmp_path: Path) -> None:
    clock = Clock()
    limits = opened(tmp_path, clock)

    clock.at += 59
    for _ in range(60):
        await limits.hit("int-1")
    clock.at += 2
    refused = await limits.hit("int-1")
    clock.at += 58.1
    later = await limits.hit("int-1")

    assert refused is not None
    assert later is None


async def test_replicas_count_together(tmp_path: Path) -> None:
    clock = Clock()
    replicas = [opened(tmp_path, clock), opened(tmp_path, clock)]

    told = await asyncio.gather(*(replicas[i % 2].hit("int-1") for i in range(200)))

    assert told.count(None) == 60


REPLICA = """
import asyncio, sys, time
from services.ingress.adapters.rate_limits import MovingWindowRateLimits, storage_from

limits = MovingWindowRateLimits(storage_from("store", store_url=sys.argv[1], now=time.time), now=time.time)

async def hits():
    return [await limits.hit(f"int-{i % 20}") for i in range(4000)]

print("ready", flush=True)
sys.stdin.readline()
print(asyncio.run(hits()).count(None))
"""


async def test_processes_count_together(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"

    replicas = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", REPLICA, url), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()
        )
        for _ in range(2)
    ]
    for replica in replicas:
        assert replica.stdout is not None
        assert await replica.stdout.readline() == b"ready\n"
    told = await asyncio.gather(*(replica.communicate(b"go\n") for replica in replicas))

    assert sum(int(out) for out, _ in told) == 20 * 60


async def test_refused_requests_use_up_nothing(tmp_path: Path) -> None:
    clock = Clock()
    limits = opened(tmp_path, clock)

    for _ in range(100):
        await limits.hit("int-1")
    clock.at += 60.1

    assert await limits.hit("int-1") is None


async def test_counts_that_cannot_be_read_are_an_outage(tmp_path: Path) -> None:
    limits = opened(tmp_path, Clock())
    assert isinstance(limits.storage, SqliteWindows)
    limits.storage.close()

    with pytest.raises(GatewayError) as caught:
        await limits.hit("int-1")

    assert caught.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert not await limits.healthy()


@given(st.lists(st.floats(0, 30), max_size=120), st.integers(1, 5))
def test_no_minute_whatever_holds_more_than_the_limit(pauses: list[float], limit: int) -> None:
    clock = Clock()
    windows = SqliteWindows(Path(":memory:"), now=clock)

    async def run() -> list[float]:
        taken = []
        for pause in pauses:
            clock.at += pause
            if await windows.acquire_entry("k", limit, 60):
                taken.append(clock.at)
        return taken

    taken = asyncio.run(run())
    windows.close()

    for start in taken:
        assert sum(start <= at < start + 60 for at in taken) <= limit


PLACES = {
    "memory": ("memory://", MemoryStorage),
    "the gateway's own data": ("store", SqliteWindows),
}


@pytest.mark.parametrize(("url", "kind"), PLACES.values(), ids=PLACES.keys())
async def test_a_setting_chooses_the_place(tmp_path: Path, url: str, kind: type) -> None:
    storage = storage_from(url, store_url=f"sqlite:///{tmp_path}/gateway.db", now=Clock())

    assert isinstance(storage, kind)
    assert await MovingWindowRateLimits(storage, now=Clock()).healthy()


@pytest.mark.parametrize("url", ["redis", "http://user:hidden@host", "", "nonsense://hidden"])
def test_a_place_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="RATE_LIMIT_URL") as caught:
        storage_from(url, store_url="sqlite:////x/y.db", now=Clock())

    assert "hidden" not in str(caught.value)
