"""The contract of `Subjects`, on every adapter; in SQLite, a deleted key is also gone from the disk."""

import asyncio
from pathlib import Path

from libs.store.factory import open_store
from libs.store.store import Store
from libs.store.subjects import Subject


def a_subject(number: int = 1, *, key: str = "") -> Subject:
    return Subject(f"customer-{number}", f"pseudonym-{number}{key}", f"sealed-{number}{key}")


async def test_a_person_is_found_by_key_and_by_pseudonym(store: Store, other: Store) -> None:
    first, second, third = map(a_subject, (1, 2, 3))
    await store.subjects.add([first, second, third])

    found = await other.subjects.find(customer_keys=["customer-1", "customer-9"], pseudonyms=["pseudonym-2"])

    assert set(found) == {first, second}
    assert list(await other.subjects.find()) == []


async def test_who_is_there_already_keeps_their_key(store: Store, other: Store) -> None:
    await store.subjects.add([a_subject(1)])

    standing = await other.subjects.add([a_subject(1, key="-late"), a_subject(2)])

    assert set(standing) == {a_subject(1), a_subject(2)}
    assert list(await store.subjects.add([])) == []


async def test_of_many_who_add_one_person_at_once_all_get_one_key(store: Store, other: Store) -> None:
    standing = await asyncio.gather(
        *((store, other)[n % 2].subjects.add([a_subject(1, key=f"-{n}")]) for n in range(10))
    )

    assert len({tuple(each) for each in standing}) == 1


async def test_a_forgotten_person_is_unknown_and_begins_anew(store: Store, other: Store) -> None:
    await store.subjects.add([a_subject(1), a_subject(2)])

    assert await other.subjects.delete(["customer-1", "customer-9"]) == 1
    assert await other.subjects.delete(["customer-1"]) == 0

    assert list(await store.subjects.find(customer_keys=["customer-1"], pseudonyms=["pseudonym-1"])) == []
    assert list(await store.subjects.add([a_subject(1, key="-anew")])) == [a_subject(1, key="-anew")]


async def test_nothing_of_a_forgotten_person_stays_on_the_disk(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    await store.subjects.add([a_subject(n) for n in range(1000, 1100)])
    assert b"sealed-1050" in _bytes_in(tmp_path)

    await store.subjects.delete(["customer-1050"])

    found = _bytes_in(tmp_path)
    await store.close()
    assert b"sealed-1050" not in found
    assert b"customer-1050" not in found
    assert b"sealed-1051" in found


def _bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
