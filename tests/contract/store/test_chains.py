"""The contract of `Chains` and `Records.append`, on every adapter: no gap, no fork, no lost or repeated record."""

import asyncio
import random

import pytest

from libs.record.canonical import genesis
from libs.record.checkpoints import Checkpoint, checkpoint_from, purge_from
from libs.record.faults import FaultKind, VerificationResult
from libs.store import chains as chains_module
from libs.store.store import Store
from libs.store.verification import verify
from tests.contract.store.builders import a_record, after
from tests.unit.record.chains import KEY, KEYS

END = 100
"""Later than every checkpoint here."""


async def verdict_of(store: Store, chain: str | None = None) -> VerificationResult:
    return await verify(store.chains, store.checkpoints, keys=KEYS, only=chain)


async def seal(store: Store, chain: str = "acc-1", *, every: int = 3) -> list[Checkpoint]:
    """Put a chain under checkpoints of `every` records."""
    (head,) = await store.chains.heads(chain)
    made: list[Checkpoint] = []
    before = head.checkpoint
    while (last := 0 if before is None else before.last) < head.seq:
        joints = await store.chains.hash_pairs(chain, after=last, limit=min(every, head.seq - last))
        before = checkpoint_from(chain, [own for _, own in joints], before=before, at=last, key=KEY)
        assert await store.checkpoints.add(before)
        made.append(before)
    return made


@pytest.fixture
async def sealed(store: Store) -> Store:
    """A store with ten records of one account, nine of them under checkpoints, and some of others."""
    await store.records.append([a_record(f"record-{n}", at=after(n)) for n in range(9)])
    await seal(store)
    await store.records.append(
        [a_record("record-9"), a_record("other", account_id="acc-2"), a_record("nobodys", account_id=None)]
    )
    return store


async def test_each_account_has_a_chain_and_records_without_account_share_one(sealed: Store) -> None:
    heads = await sealed.chains.heads()

    assert {head.chain: (head.seq, head.last) for head in heads} == {"-": (1, 1), "acc-1": (10, 10), "acc-2": (1, 1)}


async def test_the_ends_of_all_chains_tell_what_their_checkpoints_cover(sealed: Store) -> None:
    ends = await sealed.chains.ends()

    (head,) = await sealed.chains.heads("acc-1")
    assert head.checkpoint is not None
    assert {end.chain: (end.seq, end.checkpoint, end.covered, end.checkpointed_at) for end in ends} == {
        "-": (1, 0, 0, 0),
        "acc-1": (10, 3, 9, head.checkpoint.at),
        "acc-2": (1, 0, 0, 0),
    }


async def test_the_end_of_a_purged_chain_is_that_of_its_purge(sealed: Store) -> None:
    (head,) = await sealed.chains.heads("acc-1")
    assert head.checkpoint is not None
    await seal(sealed)
    (head,) = await sealed.chains.heads("acc-1")
    assert head.checkpoint is not None

    await sealed.purges.purge(purge_from(head.checkpoint, at=99, key=KEY), limit=100)

    ends = {end.chain: (end.seq, end.covered) for end in await sealed.chains.ends()}
    assert ends["acc-1"] == (10, 10)


async def test_a_store_without_records_has_no_ends(store: Store) -> None:
    assert await store.chains.ends() == []


async def test_the_links_of_a_chain_meet_without_a_gap(sealed: Store) -> None:
    links = await sealed.chains.links("acc-1", after=None, limit=100)

    assert [link.seq for link in links] == list(range(1, 11))
    assert [link.record_id for link in links] == [f"record-{n}" for n in range(10)]
    assert [link.previous for link in links] == [genesis("acc-1"), *(link.hash for link in links[:-1])]
    assert await sealed.chains.hash_pairs("acc-1", after=8, limit=5) == [
        (link.previous, link.hash) for link in links[8:]
    ]
    assert await sealed.chains.links("acc-1", after=8, limit=1) == [links[8]]
    assert await sealed.chains.position_of("record-4") == ("acc-1", 5)
    assert await sealed.chains.position_of("nobodys") == ("-", 1)
    assert await sealed.chains.position_of("never") is None


async def test_unchanged_chains_are_sound(sealed: Store) -> None:
    everything = await verdict_of(sealed)
    one = await verdict_of(sealed, "acc-1")
    nothing = await verdict_of(sealed, "acc-9")

    assert (everything.ok, everything.chains, everything.records, everything.checkpointed) == (True, 3, 12, 9)
    assert (one.ok, one.chains, one.records, one.checkpoints) == (True, 1, 10, 3)
    assert (nothing.ok, nothing.chains, nothing.records) == (True, 0, 0)


async def test_a_store_without_records_is_sound(store: Store) -> None:
    assert await verdict_of(store) == VerificationResult(0, 0, 0, 0, None)


async def test_a_long_chain_is_walked_in_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains_module, "PAGE_SIZE", 7)
    await store.records.append([a_record(f"record-{n}") for n in range(60)])
    await seal(store, every=2)
    await store.records.append([a_record(f"later-{n}") for n in range(7)])

    verdict = await verdict_of(store)

    assert (verdict.ok, verdict.records, verdict.checkpointed, verdict.checkpoints) == (True, 67, 60, 30)


async def test_two_processes_never_fork_a_chain(store: Store, other: Store) -> None:
    chance = random.Random(7)
    names = [f"record-{n}" for n in range(120)]

    async def write(into: Store) -> int:
        new = 0
        for _ in range(12):
            batch = [a_record(name, account_id=f"acc-{int(name[7:]) % 3}") for name in chance.sample(names, 20)]
            new += await into.records.append(batch)
        return new

    written = sum(await asyncio.gather(*(write(into) for into in (store, other, store, other))))

    verdict = await verdict_of(store)
    assert verdict.ok
    assert verdict.records == written


async def test_a_checkpoint_number_is_given_once(sealed: Store, other: Store) -> None:
    (head,) = await sealed.chains.heads("acc-1")
    joints = await sealed.chains.hash_pairs("acc-1", after=9, limit=5)
    rivals = [
        checkpoint_from("acc-1", [own for _, own in joints], before=head.checkpoint, at=at, key=KEY)
        for at in (END, END + 1)
    ]

    added = await asyncio.gather(sealed.checkpoints.add(rivals[0]), other.checkpoints.add(rivals[1]))

    assert sorted(added) == [False, True]
    assert (await verdict_of(sealed)).ok
    assert len(await sealed.checkpoints.page("acc-1", after=0, limit=10)) == 4


async def test_checkpoints_wait_until_they_are_shipped(sealed: Store) -> None:
    waiting = await sealed.checkpoints.unshipped(2)
    await sealed.checkpoints.mark_shipped(waiting)
    await sealed.checkpoints.mark_shipped(waiting)
    rest = await sealed.checkpoints.unshipped(10)

    assert [checkpoint.number for checkpoint in waiting] == [1, 2]
    assert [checkpoint.number for checkpoint in rest] == [3]
    assert await sealed.checkpoints.page("acc-1", after=0, limit=2) == waiting


@pytest.mark.parametrize("steps", [1, 100], ids=["interrupted", "whole"])
async def test_what_a_purge_leaves_verifies_and_goes_on(sealed: Store, steps: int) -> None:
    checkpoint = (await sealed.checkpoints.page("acc-1", after=1, limit=1))[0]
    purge = purge_from(checkpoint, at=END, key=KEY)
    for _ in range(steps):
        if not await sealed.purges.purge(purge, limit=2):
            break

    verdict = await verdict_of(sealed)
    await sealed.records.append([a_record("record-10"), a_record("record-8")])

    assert verdict.ok
    assert verdict.records == (10 if steps == 1 else 6)
    assert (await verdict_of(sealed)).ok
    assert (await sealed.chains.heads("acc-1"))[0].seq == 11


async def test_a_chain_goes_on_when_all_of_it_was_purged(store: Store, other: Store) -> None:
    await store.records.append([a_record(f"record-{n}") for n in range(6)])
    checkpoints = await seal(store)
    await store.purges.purge(purge_from(checkpoints[-1], at=END, key=KEY), limit=10)
    await store.purges.purge(purge_from(checkpoints[0], at=END, key=KEY), limit=10)

    await other.records.append([a_record("record-6")])

    verdict = await verdict_of(store)
    assert (verdict.ok, verdict.records, verdict.checkpoints) == (True, 1, 2)
    assert (await store.chains.heads("acc-1"))[0].seq == 7


async def test_a_purge_while_it_is_verified_is_no_fault(sealed: Store) -> None:
    purge = purge_from((await sealed.checkpoints.page("acc-1", after=0, limit=1))[0], at=END, key=KEY)

    class Overtaken:
        """Chains of which some records are purged between the first look and the reading."""

        heads = staticmethod(sealed.chains.heads)
        hash_pairs, position_of = staticmethod(sealed.chains.hash_pairs), staticmethod(sealed.chains.position_of)

        async def links(self, chain: str, *, after: int | None, limit: int) -> object:
            await sealed.purges.purge(purge, limit=10)
            return await sealed.chains.links(chain, after=after, limit=limit)

    verdict = await verify(Overtaken(), sealed.checkpoints, keys=KEYS, only="acc-1")  # type: ignore[arg-type]

    assert (verdict.ok, verdict.records) == (True, 7)


async def test_what_was_shipped_of_a_chain_that_is_gone_is_missed(sealed: Store) -> None:
    shipped = [checkpoint_from("acc-7", [bytes(32)], before=None, at=0, key=KEY)]

    verdict = await verify(sealed.chains, sealed.checkpoints, keys=KEYS, shipped=shipped)
    elsewhere = await verify(sealed.chains, sealed.checkpoints, keys=KEYS, only="acc-1", shipped=shipped)

    assert verdict.first_fault is not None
    assert (verdict.first_fault.kind, verdict.first_fault.chain) == (FaultKind.TRUNCATED, "acc-7")
    assert elsewhere.ok


async def test_what_is_recorded_and_sealed_while_it_is_verified_is_no_fault(sealed: Store) -> None:
    class Growing:
        """Checkpoints of which there are more by the time they are read."""

        async def page(self, chain: str, *, after: int, limit: int) -> object:
            await sealed.records.append([a_record(f"later-{after}-{n}") for n in range(4)])
            await seal(sealed)
            return await sealed.checkpoints.page(chain, after=after, limit=limit)

    verdict = await verify(sealed.chains, Growing(), keys=KEYS, only="acc-1")  # type: ignore[arg-type]

    assert (verdict.ok, verdict.records, verdict.checkpoints) == (True, 10, 3)
