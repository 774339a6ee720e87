"""Rounds of the cumulative log that meet: second sequencers, and deaths between any two writes, repeat no record."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from libs.record.log_entries import leaf_hash
from libs.record.merkle import root_of
from libs.store.cumulative_log import LogBatch
from libs.store.store import Store
from tests.contract.store.builders import a_record, after
from tests.contract.store.test_cumulative_log import Logged, Memory, line_note, logged

__all__ = ["logged"]


async def test_two_sequencers_at_once_fork_nothing(logged: Logged, other: Store) -> None:
    second = Logged(other, memory=Memory())
    for turn in range(6):
        await logged.store.records.append([a_record(f"more-{turn}-{n}", account_id=f"acc-{n % 3}") for n in range(20)])
        await asyncio.gather(logged.round(), second.round())
    await logged.round()

    verified = await logged.verified(*(line_note(line) for line in (*logged.sink.lines, *second.sink.lines)))
    assert verified.fault is None
    ends = {end.chain: end.seq for end in await logged.store.chains.ends()}
    assert verified.waiting(ends) == 0


async def test_a_batch_whose_places_are_not_written_yet_is_not_logged_again(logged: Logged, other: Store) -> None:
    await logged.store.records.append([a_record(f"new-{n}", at=after(n)) for n in range(3)])
    batches, faster = logged.store.log_batches, dying(Logged(other, memory=Memory()), at=2)
    faster.sequence.most = 1_000

    class Overtaken:
        """After the last look for batches the other process adds one, and dies before it derives anything of it."""

        async def page(self, start: int, *, limit: int) -> Sequence[LogBatch]:
            found = await batches.page(start, limit=limit)
            if not found and await batches.ending() == before:
                with pytest.raises(Dies):
                    await faster.sequence()
            return found

        def __getattr__(self, name: str) -> object:
            return getattr(batches, name)

    before = await batches.ending()
    logged.sequence.batches = Overtaken()  # type: ignore[assignment]  # a wrapper of any port
    await logged.round()
    await logged.round()

    assert await batches.ending() != before
    verified = await logged.verified()
    assert verified.fault is None
    assert verified.waiting({end.chain: end.seq for end in await logged.store.chains.ends()}) == 0


class Dies(Exception):  # noqa: N818 -- reads as what happens
    """The process ends here."""


def dying(logged: Logged, at: int) -> Logged:
    """The same replica, whose writes end with the call number `at`: before it, or after it."""
    calls = 0

    def wrap(port: object, names: Sequence[str]) -> object:
        class Wrapped:
            def __getattr__(self, name: str) -> object:
                call = getattr(port, name)
                return mortal(call) if name in names else call

        return Wrapped()

    def mortal(call: Callable[..., object]) -> Callable[..., object]:
        async def run(*args: object, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            if calls == at:
                raise Dies
            result = await call(*args, **kwargs)  # type: ignore[misc]  # any port's method
            if calls + 1 == at and at % 2:
                calls += 1
                raise Dies
            return result

        return run

    store = replace(
        logged.store,
        log_batches=wrap(logged.store.log_batches, ["add"]),  # type: ignore[arg-type]  # a wrapper of any port
        log_index=wrap(logged.store.log_index, ["derive"]),  # type: ignore[arg-type]  # as above
        log_checkpoints=wrap(logged.store.log_checkpoints, ["add", "mark_shipped"]),  # type: ignore[arg-type]  # as above
    )
    return Logged(store, memory=logged.memory, sink=logged.sink, clock=logged.clock)


async def rounds_until_death(logged: Logged, at: int) -> None:
    for _ in range(14):
        await dying(logged, at).round()
        logged.clock.now += timedelta(seconds=300)
        at -= 2


@pytest.mark.parametrize("at", range(1, 14))
async def test_a_crash_between_any_two_writes_loses_and_repeats_nothing(logged: Logged, at: int) -> None:
    await logged.store.records.append([a_record(f"late-{n}", account_id=f"acc-{n % 2}") for n in range(20)])

    with pytest.raises(Dies):
        await rounds_until_death(logged, at)
    successor = Logged(logged.store, memory=logged.memory, sink=logged.sink)
    successor.clock.now = logged.clock.now + timedelta(seconds=300)
    await successor.round()

    verified = await successor.verified(*map(line_note, logged.sink.lines))
    assert verified.fault is None
    assert verified.signed == verified.size
    assert verified.waiting({end.chain: end.seq for end in await logged.store.chains.ends()}) == 0
    assert await successor.proofs().root(verified.size) == root_of([leaf_hash(e) for e in await successor.entries()])
