"""Each incremental verification compares the new part of the log with the chains: each tampering gets its name."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from libs.record.checkpoints import checkpoint_from, purge_from
from libs.record.keys import SigningKey
from libs.record.log_checkpoints import log_checkpoint
from libs.record.log_entries import Part, Span, Statement, time_of
from libs.record.logged_chains import LogPosition
from libs.record.restorations import RESTORED, Restoration
from libs.store.cumulative_log import LogBatch, LogBatches
from libs.store.factory import open_store
from libs.store.log_proofs import LogProofs
from libs.store.log_verification import LogReader
from libs.store.store import Store
from libs.store.verified import Scope
from services.console.handlers.log import Log
from tests.contract.store.builders import a_record, after
from tests.contract.store.log_hand import LogHand, log_hand
from tests.contract.store.test_cumulative_log import ORIGIN, Logged, logged
from tests.contract.store.test_scheduled_verification import Replica, gauge
from tests.unit.record.chains import KEY, KEYS, OTHER_KEY

__all__ = ["logged"]
STRANGER = replace(OTHER_KEY, seed=b"9" * 32)


@dataclass
class CountedBatches:
    """Batches that count the entries that are read."""

    real: LogBatches
    entries: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def page(self, start: int, *, limit: int) -> Sequence[LogBatch]:
        found = await self.real.page(start, limit=limit)
        self.entries += sum(batch.end - batch.start for batch in found)
        return found


class LogReplica(Replica):
    """A console process that verifies the log too."""

    batches: LogBatches | None = None

    def job(self, *given: Any) -> Any:
        store = self.store
        batches = self.batches or store.log_batches
        reader = LogReader(chains=store.chains, batches=batches, checkpoints=store.log_checkpoints, keys=KEYS)
        log = Log(
            batches=batches,
            checkpoints=store.log_checkpoints,
            proofs=LogProofs(store.log_index, store.log_places, store.log_checkpoints),
            reader=reader,
            keys=KEYS,
            read_shipped=self.read_shipped,  # type: ignore[arg-type]  # none of either kind
            verified_log=store.verified_log,
        )
        return replace(super().job(*given), log=log)


@dataclass
class Edited:
    """A log of which a part was verified, and the part that has grown since."""

    logged: Logged
    hand: LogHand
    url: str
    replica: LogReplica
    old: LogBatch
    new: LogBatch

    async def resign(self, parts: Sequence[Part], *, key: SigningKey = KEY) -> None:
        """Store these parts in place of the new ones, with a checkpoint over them: as the key's holder can."""
        made = LogBatch.after(self.old, parts, at=self.new.at)
        self.hand.clear("log_checkpoints")
        before = log_checkpoint(ORIGIN, self.old.end, self.old.tree().root(), KEY)
        await self.logged.store.log_checkpoints.add(self.old.end, str(before.note), at=1)
        note = log_checkpoint(ORIGIN, made.end, made.tree().root(), key).note
        await self.logged.store.log_checkpoints.add(made.end, str(note), at=2)
        self.hand.set("log_batches", self.new.start, made.text())

    def span(self, chain: str = "acc-1") -> Span:
        return next(part for part in self.new.parts if isinstance(part, Span) and part.chain == chain)

    def with_span(self, changed: Span | None, chain: str = "acc-1") -> list[Part]:
        """The new parts with another span in place of the chain's."""
        own = self.span(chain)
        parts = [changed if part is own else part for part in self.new.parts]
        return [part for part in parts if part is not None]

    def store_batch(self, parts: Sequence[Part]) -> None:
        self.hand.set("log_batches", self.new.start, LogBatch.after(self.old, parts, at=self.new.at).text())


@pytest.fixture
async def edited(logged: Logged, store_url: str) -> Edited:
    """A log that was verified, and has since grown by six records of one chain, by a new chain, and a time."""
    logged.most = logged.sequence.most = 100
    replica = LogReplica(logged.store)
    await replica.verify()
    old = await logged.store.log_batches.ending()
    await logged.store.records.append([a_record(f"new-{n}", at=after(n)) for n in range(6)])
    await logged.store.records.append([a_record("first", account_id="acc-9")])
    await logged.round()
    new = await logged.store.log_batches.ending()
    assert old is not None
    assert new is not None
    assert (old.end, new.end - new.start) == (new.start, 8)
    return Edited(logged, log_hand(store_url), store_url, replica, old, new)


def flipped(hashes: bytes, at: int) -> bytes:
    return hashes[:at] + bytes([hashes[at] ^ 1]) + hashes[at + 1 :]


Edit = Callable[[Edited], Awaitable[None] | None]
CASES: list[tuple[str, Edit, str]] = []


def case(name: str, expected: str) -> Callable[[Edit], Edit]:
    """Adds an edit to the table; `expected` is kind, chain and `seq` of the fault."""

    def added(edit: Edit) -> Edit:
        CASES.append((name, edit, expected))
        return edit

    return added


@case("entries: a bit of a record's hash", "log_rewritten log 24")
def _(e: Edited) -> None:
    e.store_batch(e.with_span(replace(e.span(), hashes=flipped(e.span().hashes, 40))))


@case("entries: two records in each other's place", "log_rewritten log 24")
def _(e: Edited) -> None:
    hashes = e.span().hashes
    e.store_batch(e.with_span(replace(e.span(), hashes=hashes[32:64] + hashes[:32] + hashes[64:])))


@case("entries: the last one removed", "log_truncated log 24")
def _(e: Edited) -> None:
    e.store_batch(e.new.parts[:-1])


@case("entries: the batch removed", "log_truncated log 17")
def _(e: Edited) -> None:
    e.hand.delete("log_batches", e.new.start)


@case("entries: the batch unreadable", "log_rewritten log 16")
def _(e: Edited) -> None:
    e.hand.set("log_batches", e.new.start, "{}")


@case("checkpoints: signed by a stranger", "forged_log log 24")
def _(e: Edited) -> None:
    note = log_checkpoint(ORIGIN, e.new.end, e.new.tree().root(), STRANGER).note
    e.hand.set("log_checkpoints", e.new.end, str(note))


@case("checkpoints: another root under the signature", "forged_log log 24")
def _(e: Edited) -> None:
    note = log_checkpoint(ORIGIN, e.new.end, b"r" * 32, KEY).note
    own = log_checkpoint(ORIGIN, e.new.end, e.new.tree().root(), KEY).note
    e.hand.set("log_checkpoints", e.new.end, str(own.with_signatures([])).replace(own.text, note.text))


@case("checkpoints: unreadable", "forged_log log 24")
def _(e: Edited) -> None:
    e.hand.set("log_checkpoints", e.new.end, "no note")


@case("checkpoints: the verified one removed", "removed_checkpoint log 16")
def _(e: Edited) -> None:
    e.hand.delete("log_checkpoints", e.old.end)


@case("checkpoints: all removed", "removed_checkpoint log 16")
def _(e: Edited) -> None:
    e.hand.clear("log_checkpoints")


@case("checkpoints: the verified one signed anew over another root", "log_rewritten log 16")
def _(e: Edited) -> None:
    e.hand.set("log_checkpoints", e.old.end, str(log_checkpoint(ORIGIN, e.old.end, b"r" * 32, KEY).note))


@case("verified part: all of the log removed", "removed_checkpoint log 16")
def _(e: Edited) -> None:
    e.hand.clear("log_batches", "log_checkpoints", "log_tiles", "log_places")


@case("verified part: its last batch removed", "log_truncated log 13")
def _(e: Edited) -> None:
    e.hand.delete("log_batches", e.old.start)


@case("verified part: its last batch says another tree", "log_rewritten log 16")
def _(e: Edited) -> None:
    e.hand.set("log_batches", e.old.start, replace(e.old, subtrees=(b"t" * 32,)).text())


@case("verified part: its last batch unreadable", "log_rewritten log 16")
def _(e: Edited) -> None:
    e.hand.set("log_batches", e.old.start, "")


@case("with the key: another record's hash", "log_contradicted acc-1 12")
async def _(e: Edited) -> None:
    await e.resign(e.with_span(replace(e.span(), hashes=flipped(e.span().hashes, 40))))


@case("with the key: a record that no chain has", "log_contradicted acc-1 17")
async def _(e: Edited) -> None:
    await e.resign(e.with_span(replace(e.span(), hashes=e.span().hashes + b"h" * 32)))


@case("with the key: a chain that nobody has", "log_contradicted acc-7 1")
async def _(e: Edited) -> None:
    await e.resign([Span("acc-7", 1, b"h" * 32), *e.new.parts])


@case("with the key: a record left out", "log_gap acc-1 ")
async def _(e: Edited) -> None:
    await e.resign(e.with_span(Span("acc-1", 12, e.span().hashes[32:])))


@case("with the key: a verified record repeated", "log_gap acc-2 ")
async def _(e: Edited) -> None:
    await e.resign([Span("acc-2", 3, b"h" * 32), *e.new.parts])


@case("with the key: a time before the verified one", "log_rewritten log 16")
async def _(e: Edited) -> None:
    await e.resign([time_of(1), *e.new.parts])


@case("with the key: a second beginning", "forged_log log 16")
async def _(e: Edited) -> None:
    start = next(part for part in (await e.logged.store.log_batches.page(0, limit=1))[0].parts)
    assert isinstance(start, Statement)
    await e.resign([start, *e.new.parts])


@case("chains: the new records written anew, with their hashes", "log_contradicted acc-1 11")
async def _(e: Edited) -> None:
    await asyncio.to_thread(e.hand.cut, "acc-1", 10)
    successor = await open_store(e.url)
    await successor.records.append([a_record(f"forged-{n}", at=after(n)) for n in range(6)])
    await successor.close()


@case("chains: the new records cut off", "log_contradicted acc-1 11")
def _(e: Edited) -> None:
    e.hand.cut("acc-1", 10)


@case("chains: one new record cut off", "log_contradicted acc-1 16")
def _(e: Edited) -> None:
    e.hand.cut("acc-1", 15)


@pytest.mark.parametrize(("edit", "expected"), [pytest.param(e, x, id=n) for n, e, x in CASES])
async def test_every_tampering_with_the_new_part_is_named_by_the_next_verification(
    edited: Edited, edit: Edit, expected: str
) -> None:
    before = await edited.logged.store.verified_log.position()
    done = edit(edited)
    if done is not None:
        await done

    await edited.replica.verify()

    kind, chain, seq = expected.split(" ")
    assert await edited.replica.fault() == (kind, chain, int(seq) if seq else None)
    assert gauge("sound", Scope.INCREMENTAL) == 0
    assert await edited.logged.store.verified_log.position() == before


async def test_a_sound_log_is_read_from_where_the_last_verification_ended(edited: Edited) -> None:
    counted = CountedBatches(edited.logged.store.log_batches)
    edited.replica.batches = counted

    await edited.replica.verify()
    await edited.replica.verify()

    assert counted.entries == 8
    assert await edited.replica.fault() is None
    position = await edited.logged.store.verified_log.position()
    assert position is not None
    assert (position.size, position.chains["acc-1"], position.chains["acc-9"]) == (24, 16, 1)


async def test_what_no_checkpoint_covers_yet_is_verified_later(edited: Edited) -> None:
    await edited.replica.verify()
    await edited.logged.store.records.append([a_record("later")])
    await edited.logged.sequence()

    await edited.replica.verify()
    assert (await edited.logged.store.verified_log.position() or edited).size == 24  # type: ignore[union-attr]

    await edited.logged.sign()
    await edited.replica.verify()
    assert (await edited.logged.store.verified_log.position() or edited).size == 26  # type: ignore[union-attr]
    assert await edited.replica.fault() is None


async def test_a_fault_of_the_log_stands_until_it_is_sound_again(edited: Edited) -> None:
    edited.hand.set("log_batches", edited.new.start, "{}")
    await edited.replica.verify()
    await edited.replica.verify()
    assert await edited.replica.fault() == ("log_rewritten", "log", 16)

    edited.hand.set("log_batches", edited.new.start, edited.new.text())
    await edited.replica.verify()

    assert await edited.replica.fault() is None
    assert REGISTRY.get_sample_value("gateway_record_sound", {"scope": "incremental"}) == 1


async def test_a_purge_of_records_that_were_logged_is_no_fault(edited: Edited) -> None:
    store = edited.logged.store
    pairs = await store.chains.hash_pairs("acc-1", after=0, limit=13)
    checkpoint = checkpoint_from("acc-1", [own for _, own in pairs], before=None, at=1, key=KEY)
    await store.checkpoints.add(checkpoint)
    await store.purges.purge(purge_from(checkpoint, at=2, key=KEY), limit=100)

    await edited.replica.verify()

    assert await edited.replica.fault() is None
    assert (await store.verified_log.position() or edited).size == 24  # type: ignore[union-attr]


async def test_a_restored_chain_is_followed_by_its_statement(edited: Edited) -> None:
    store = edited.logged.store
    await edited.replica.verify()
    (link,) = await store.chains.links("acc-1", after=12, limit=1)
    stated = Restoration(
        chain="acc-1", at=5, key="", signature=b"", seq=13, head=link.hash, replaced=("ab" * 32,), reason="lost"
    ).signed_with(KEY)
    await asyncio.to_thread(edited.hand.cut, "acc-1", 13)
    successor = await open_store(edited.url)
    again = Logged(successor, memory=edited.logged.memory)
    await successor.records.append([a_record("stated", type=RESTORED, details={"statement": stated.as_json()})])
    await successor.verified_places.save([])
    await again.round()
    replica = LogReplica(successor, now=edited.replica.now)
    await successor.verified_places.forget()

    await replica.verify()
    await successor.records.append([a_record("next")])
    again.clock.now += timedelta(minutes=1)
    await again.round()
    await replica.verify()

    assert await replica.fault() is None
    position = await successor.verified_log.position()
    assert position is not None
    assert (position.chains["acc-1"], len(position.used)) == (15, 1)
    await successor.close()


async def test_the_position_is_forgotten_with_the_places(store: Store, other: Store) -> None:
    position = LogPosition(size=3, subtrees=(b"a" * 32, b"b" * 32), at=None, chains={"-": 1}, used=("ab",))
    await store.verified_log.move(replace(position, size=2, subtrees=(b"a" * 32,)))
    await other.verified_log.move(position)
    assert await store.verified_log.position() == position

    await store.verified_places.forget()

    assert await other.verified_log.position() is None


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"size":"1"}', '{"size":3,"subtrees":["YQ=="],"at":null,"chains":{},"used":[]}',
     '{"size":0,"subtrees":[],"at":null,"chains":{"a":"1"},"used":[]}'],
)  # fmt: skip
def test_a_position_that_somebody_wrote_is_none(text: str) -> None:
    assert LogPosition.from_text(text) is None
