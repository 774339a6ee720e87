"""Sixty in any minute: sliding, shared by every process that counts in the same place, and exact."""

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from limits.aio.storage import MemoryStorage

from libs.contracts.errors import ErrorCode, GatewayError
from libs.store.callers import Caller, CredentialKind
from services.ingress.adapters.rate_limits import REFUNDS_PER_MINUTE, MovingWindowRateLimits, storage_from
from services.ingress.adapters.sqlite_windows import SqliteWindows

CALLER = Caller("int-1", CredentialKind.SECRET)


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

    first = [await limits.hit(CALLER) for _ in range(60)]
    clock.at += 20
    refused = await limits.hit(CALLER)
    other = await limits.hit(Caller("int-2", CredentialKind.SECRET))

    assert first == [None] * 60
    assert refused == pytest.approx(40)
    assert other is None


async def test_a_minutes_edge_does_not_let_twice_as_many_through(tmp_path: Path) -> None:
    clock = Clock()
    limits = opened(tmp_path, clock)

    clock.at += 59
    for _ in range(60):
        await limits.hit(CALLER)
    clock.at += 2
    refused = await limits.hit(CALLER)
    clock.at += 58.1
    later = await limits.hit(CALLER)

    assert refused is not None
    assert later is None


async def test_replicas_count_together(tmp_path: Path) -> None:
    clock = Clock()
    replicas = [opened(tmp_path, clock), opened(tmp_path, clock)]

    told = await asyncio.gather(*(replicas[i % 2].hit(CALLER) for i in range(200)))

    assert told.count(None) == 60


REPLICA = """
import asyncio, sys, time
from libs.store.callers import Caller, CredentialKind
from services.ingress.adapters.rate_limits import MovingWindowRateLimits, storage_from

limits = MovingWindowRateLimits(storage_from("store", store_url=sys.argv[1], now=time.time), now=time.time)

async def hits():
    return [await limits.hit(Caller(f"int-{i % 20}", CredentialKind.SECRET)) for i in range(4000)]

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
        await limits.hit(CALLER)
    clock.at += 60.1

    assert await limits.hit(CALLER) is None


class RefusesFirst(MemoryStorage):
    """Refuses the first requests of a new window, as a database does in which others make the window meanwhile."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        if self.refusals:
            self.refusals -= 1
            return False
        return await super().acquire_entry(key, limit, expiry, amount)


async def test_a_refusal_stands_only_if_the_window_has_no_room() -> None:
    limits = MovingWindowRateLimits(RefusesFirst(1), now=time.time)

    told = [await limits.hit(CALLER) for _ in range(61)]

    assert told[:60] == [None] * 60
    assert told[60] is not None


async def test_a_storage_that_refuses_without_end_although_there_is_room_is_an_outage() -> None:
    limits = MovingWindowRateLimits(RefusesFirst(1_000), now=time.time)

    with pytest.raises(GatewayError) as caught:
        await limits.hit(CALLER)

    assert caught.value.code is ErrorCode.GATEWAY_UNAVAILABLE


async def refunded(limits: MovingWindowRateLimits, count: int) -> None:
    """Give back `count` requests, and wait until the window is changed."""
    for _ in range(count):
        limits.refund(CALLER)
    await asyncio.gather(*limits.pending)


async def test_what_the_gateway_failed_to_accept_does_not_count(tmp_path: Path) -> None:
    limits = opened(tmp_path, Clock())
    for _ in range(60):
        await limits.hit(CALLER)

    await refunded(limits, 2)

    assert [await limits.hit(CALLER) for _ in range(2)] == [None, None]
    assert await limits.hit(CALLER) is not None


async def test_an_outage_does_not_lift_the_limit(tmp_path: Path) -> None:
    limits, accepted = opened(tmp_path, Clock()), 0

    while await limits.hit(CALLER) is None:
        accepted += 1
        await refunded(limits, 1)

    assert accepted == REFUNDS_PER_MINUTE + 60


async def test_each_kind_of_credentials_of_an_integration_has_a_minute_of_its_own(tmp_path: Path) -> None:
    limits, token = opened(tmp_path, Clock()), Caller("int-1", CredentialKind.PATH_TOKEN)

    for _ in range(61):
        await limits.hit(token)

    assert [await limits.hit(CALLER) for _ in range(60)] == [None] * 60


async def test_a_request_that_cannot_be_given_back_changes_nothing(tmp_path: Path) -> None:
    limits = opened(tmp_path, Clock())
    assert isinstance(limits.storage, SqliteWindows)
    limits.storage.close()

    await refunded(limits, 1)

    assert not limits.pending


async def test_counts_that_cannot_be_read_are_an_outage(tmp_path: Path) -> None:
    limits = opened(tmp_path, Clock())
    assert isinstance(limits.storage, SqliteWindows)
    limits.storage.close()

    with pytest.raises(GatewayError) as caught:
        await limits.hit(CALLER)

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


async def test_a_clock_that_was_set_back_by_an_hour_refuses_nobody(tmp_path: Path) -> None:
    clock = Clock()
    limits = opened(tmp_path, clock)
    for _ in range(61):
        await limits.hit(CALLER)
    clock.at -= 3600

    told = [await limits.hit(CALLER) for _ in range(61)]

    assert told[:60] == [None] * 60
    assert told[60] is not None
    assert told[60] <= 60.0


async def test_a_clock_that_was_set_back_refuses_nobody_in_the_librarys_own_storages() -> None:
    clock = Clock()
    storage = storage_from("memory://", store_url="sqlite:///unused.db", now=clock)
    with time_machine.travel(2_000_000_000, tick=False) as travelling:
        clock.at = 2_000_000_000.0
        limits = MovingWindowRateLimits(storage, now=clock)
        for _ in range(61):
            await limits.hit(CALLER)
        travelling.move_to(2_000_000_000 - 3600)
        clock.at -= 3600

        told = [await limits.hit(CALLER) for _ in range(61)]

    assert told[:60] == [None] * 60
    assert told[60] is not None


@pytest.mark.parametrize("change", ["removed", "replaced"])
async def test_a_file_of_counters_that_was_lost_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr("services.ingress.adapters.sqlite_windows.CHECK_SECONDS", 0.0)
    limits, file = opened(tmp_path, Clock()), tmp_path / "gateway-limits.db"
    await limits.hit(CALLER)
    if change == "removed":
        file.unlink()
    else:
        copy = tmp_path / "copy"
        copy.write_bytes(file.read_bytes())
        copy.replace(file)

    told = [await limits.hit(CALLER) for _ in range(2)]

    assert told == [None, None]
    assert file.stat().st_mode & 0o077 == 0
    assert await limits.healthy()


async def test_a_chat_has_a_limit_and_a_window_of_its_own_in_every_process(tmp_path: Path) -> None:
    clock = Clock()
    one, other = opened(tmp_path, clock), opened(tmp_path, clock)
    chat = Caller("int-1", CredentialKind.CHAT_KEY)

    counted = [await (one, other)[n % 2].hit(chat, 600) for n in range(600)]
    refused = await one.hit(chat, 600)
    secret = await other.hit(CALLER)

    assert counted == [None] * 600
    assert refused == pytest.approx(60)
    assert secret is None

    other.refund(chat, 600)
    await asyncio.gather(*other.pending)

    assert await one.hit(chat, 600) is None
