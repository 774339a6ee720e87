"""Persons' keys as audit remembers them: made once, asked for seldom, forgotten when they are destroyed."""

import base64
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pytest

from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import SubjectErased
from libs.store.sealer import Sealer, SealingKey
from libs.store.subjects import Subject, key_of
from services.audit.adapters.subject_keys import CACHE_SECONDS, MAX_KEYS, CachedSubjectKeys
from tests.resident_memory import growth

SEALER = Sealer([SealingKey("k1", bytes(range(32)))])


@dataclass
class FakeSubjects:
    """Rows by customer key; counts how often it was asked."""

    rows: dict[str, Subject] = field(default_factory=dict)
    asked: int = 0

    async def find(self, *, customer_keys: Collection[str] = (), pseudonyms: Collection[str] = ()) -> Sequence[Subject]:
        self.asked += 1
        return [row for row in self.rows.values() if row.customer_key in customer_keys or row.pseudonym in pseudonyms]

    async def add(self, subjects: Sequence[Subject]) -> Sequence[Subject]:
        self.asked += 1
        return [self.rows.setdefault(subject.customer_key, subject) for subject in subjects]

    async def delete(self, customer_keys: Collection[str]) -> int:
        return sum(self.rows.pop(name, None) is not None for name in customer_keys)


@dataclass
class Remembering:
    subjects: FakeSubjects = field(default_factory=FakeSubjects)
    now: float = 0.0
    keys: CachedSubjectKeys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = CachedSubjectKeys(self.subjects, SEALER, lambda: self.now)

    async def pseudonym(self, customer_key: str = "c1") -> str:
        return (await self.keys.of({customer_key}, new={customer_key}))[customer_key].pseudonym


def erased(*pseudonyms: str) -> SubjectErased:
    return SubjectErased(actor="admin", erasure_id="era_1", pseudonyms=pseudonyms, reason="asked", removed={})


async def test_a_new_person_is_given_a_key_that_is_kept_sealed() -> None:
    remembering = Remembering()

    pseudonym = await remembering.pseudonym()

    row = remembering.subjects.rows["c1"]
    assert row.pseudonym == pseudonym == key_of(row, SEALER).pseudonym
    assert "sealed" not in repr(row)


async def test_two_replicas_know_a_person_by_one_key() -> None:
    one, two = Remembering(), Remembering()
    two.subjects.rows = one.subjects.rows

    assert await one.pseudonym() == await two.pseudonym()


async def test_who_is_remembered_is_not_asked_for_until_the_time_is_over() -> None:
    remembering = Remembering()
    await remembering.pseudonym()
    asked = remembering.subjects.asked

    await remembering.pseudonym()
    still = remembering.subjects.asked
    remembering.now = CACHE_SECONDS
    await remembering.pseudonym()

    assert (asked, still, remembering.subjects.asked) == (1, 1, 2)


async def test_nobody_asks_the_store_for_nobody() -> None:
    remembering = Remembering()

    assert await remembering.keys.of(set(), new=set()) == {}
    assert remembering.subjects.asked == 0


async def test_who_was_erased_is_somebody_new_at_once_and_others_stay() -> None:
    remembering = Remembering()
    before, other = await remembering.pseudonym(), await remembering.pseudonym("c2")
    await remembering.subjects.delete(["c1"])

    remembering.keys.invalidate(erased(before))

    asked = remembering.subjects.asked
    assert await remembering.pseudonym("c2") == other
    assert remembering.subjects.asked == asked
    assert await remembering.pseudonym() != before


async def test_an_erasure_that_was_not_heard_of_counts_in_time() -> None:
    remembering = Remembering()
    before = await remembering.pseudonym()
    await remembering.subjects.delete(["c1"])

    remembering.now = CACHE_SECONDS

    assert await remembering.pseudonym() != before


async def test_what_may_have_been_missed_forgets_everybody() -> None:
    remembering = Remembering()
    await remembering.pseudonym()
    asked = remembering.subjects.asked

    remembering.keys.invalidate()
    await remembering.pseudonym()

    assert remembering.subjects.asked == asked + 1


async def test_no_more_keys_are_remembered_than_there_is_room_for() -> None:
    remembering = Remembering()
    await remembering.pseudonym()
    many = {f"d{n}" for n in range(MAX_KEYS)}
    await remembering.keys.of(many, new=many)
    asked = remembering.subjects.asked

    await remembering.pseudonym()

    assert remembering.subjects.asked == asked + 1


async def test_a_key_that_cannot_be_opened_holds_the_record_up() -> None:
    remembering = Remembering()
    await remembering.pseudonym()
    other = CachedSubjectKeys(remembering.subjects, Sealer([SealingKey("k2", base64.b64decode("A" * 43 + "="))]))

    with pytest.raises(GatewayError) as raised:
        await other.of({"c1"}, new=())

    assert raised.value.code is ErrorCode.GATEWAY_UNAVAILABLE


async def test_somebody_unknown_is_given_no_key_by_an_echo() -> None:
    remembering = Remembering()

    found = await remembering.keys.of({"c1", "c2"}, new={"c2"})

    assert set(found) == set(remembering.subjects.rows) == {"c2"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its resident memory")
def test_a_cached_key_takes_some_hundred_bytes() -> None:
    before = """
import os
from libs.store.subjects import SubjectKey
SubjectKey(bytes(32)).seal("first", {"a": 1})
keys = []
"""
    step = """
for number in range(5_000):
    key = SubjectKey(os.urandom(32))
    key.seal(str(number), {"a": 1})
    keys.append(key)
"""

    taken = growth(before, step) / 5_000

    assert taken < 1_000
