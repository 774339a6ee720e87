"""Hashes of erased customers: slow, in a thread, once for each customer and day, and only where there are entries."""

import asyncio
import hashlib
import hmac
import threading
from collections.abc import Collection

import pytest

from libs.contracts.identity import Pseudonyms
from libs.store.conversations import SuppressionKind
from libs.store.do_not_contact import (
    CACHE_SECONDS,
    MAX_CACHED,
    PREFIX,
    DoNotContact,
    Standing,
    do_not_contact_from,
    scrypt,
)
from libs.store.sealer import SealingKey
from tests.do_not_contact import KEY_TEXT, KEYS, FakeEntries, hashes_over

PSEUDONYMS = Pseudonyms(b"k" * 32)
OTHER_KEY = SealingKey("d2", b"e" * 32)


class Counted:
    """A slow function that counts, and waits for `go`."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, value: bytes) -> bytes:
        self.calls.append(threading.current_thread().name)
        assert self.go.wait(10)
        return value


class Named:
    """Suppressions of some names."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    async def standing(self, account_id: str, customer_keys: Collection[str]) -> frozenset[SuppressionKind]:
        return frozenset({SuppressionKind.OPT_OUT} if self.names.intersection(customer_keys) else ())


async def test_a_hash_is_made_once_for_each_customer_in_a_thread_while_the_event_loop_goes_on() -> None:
    slow = Counted()
    slow.go.clear()
    hashes = hashes_over(FakeEntries(), slow=slow)
    running = [asyncio.create_task(hashes.hashes(["c1"])) for _ in range(5)]
    while not slow.calls:
        await asyncio.sleep(0)

    slow.go.set()
    made = await asyncio.gather(*running)

    assert len({*made}) == 1
    assert [name.startswith("do-not-contact") for name in slow.calls] == [True]
    assert hashes.known(["c1"]) == made[0]


async def test_hashes_of_two_customers_are_made_one_after_the_other() -> None:
    """Each one takes 16 MiB."""
    running, most = 0, 0

    def slow(value: bytes) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        threading.Event().wait(0.01)
        running -= 1
        return value

    await hashes_over(FakeEntries(), slow=slow).hashes([f"c{number}" for number in range(5)])

    assert most == 1


async def test_a_hash_is_made_again_after_a_day() -> None:
    now, slow = [0.0], Counted()
    hashes = DoNotContact(KEYS, PSEUDONYMS, FakeEntries(), slow=slow, monotonic=lambda: now[0] + 1)
    await hashes.hashes(["c1"])

    now[0] = CACHE_SECONDS - 1
    await hashes.hashes(["c1"])
    before = len(slow.calls)
    now[0] = CACHE_SECONDS + 1
    await hashes.hashes(["c1"])

    assert (before, len(slow.calls)) == (1, 2)


async def test_an_account_without_entries_costs_one_look_and_no_hash() -> None:
    slow, entries = Counted(), FakeEntries(left=False)
    hashes = hashes_over(entries, slow=slow)

    standing = await hashes.standing("acc_1", ["c1"])
    of = await hashes.of("acc_1", ["c1"])

    assert (standing.kinds, of, slow.calls) == (frozenset(), (), [])
    assert entries.looks == [("c1",), ()]


async def test_an_account_with_entries_costs_a_second_look_for_a_new_customer_and_one_afterwards() -> None:
    named = Named()
    entries = FakeEntries(named)
    hashes = hashes_over(entries)
    named.names.update(await hashes_over(FakeEntries()).newest(["c1"]))

    first = await hashes.standing("acc_1", ["c1"])
    looks = len(entries.looks)
    second = await hashes.standing("acc_1", ["c1"])

    assert first.kinds == second.kinds == {SuppressionKind.OPT_OUT}
    assert (looks, len(entries.looks)) == (2, 3)


async def test_a_hash_that_another_message_made_during_a_look_is_looked_for_too() -> None:
    """The look of the first message did not know it, so that message must look again."""
    named = Named(*await hashes_over(FakeEntries()).newest(["c1"]))
    entries = FakeEntries(named)
    hashes = hashes_over(entries)
    look = entries.look

    async def slow_look(account_id: str, customer_keys: Collection[str]) -> Standing:
        found = await look(account_id, customer_keys)
        await hashes.hashes(["c1"])
        return found

    entries.look = slow_look  # type: ignore[method-assign]  # the other message comes while the store answers

    standing = await hashes.standing("acc_1", ["c1"])

    assert standing.kinds == {SuppressionKind.OPT_OUT}


async def test_the_first_key_makes_hashes_and_the_others_find_them() -> None:
    rotated = hashes_over(FakeEntries(), keys=(OTHER_KEY, *KEYS))
    [old] = await hashes_over(FakeEntries()).newest(["c1"])

    [new] = await rotated.newest(["c1"])

    assert old in await rotated.hashes(["c1"])
    assert (new.startswith(f"{PREFIX}d2."), new == old) == (True, False)
    assert rotated.markers("c1")[1] == hashes_over().markers("c1")[0]


async def test_hashes_of_two_customers_and_two_deployments_differ() -> None:
    one, two = await hashes_over(FakeEntries()).newest(["c1", "c2"])
    [elsewhere] = await hashes_over(FakeEntries(), Pseudonyms(b"x" * 32)).newest(["c1"])

    assert len({one, two, elsewhere}) == 3


async def test_a_failure_is_not_remembered() -> None:
    class Failing(Counted):
        def __call__(self, value: bytes) -> bytes:
            super().__call__(value)
            if len(self.calls) == 1:
                raise MemoryError
            return value

    hashes = hashes_over(FakeEntries(), slow=Failing())

    with pytest.raises(MemoryError):
        await hashes.hashes(["c1"])

    assert await hashes.hashes(["c1"])


async def test_the_number_of_remembered_hashes_is_bounded() -> None:
    hashes = hashes_over(FakeEntries())
    for n in range(MAX_CACHED):
        hashes._cache.put(f"c{n}", ())

    await hashes.hashes(["new"])

    assert hashes.known(["new"])
    assert not hashes.known(["c0"])


def test_the_slow_function_is_scrypt_with_the_documented_cost() -> None:
    assert scrypt(b"x" * 32).hex() == "8d36e35fc2168a9298a5a7e88e2385f76807363c9022fb2737530c9330fc907c"


async def test_what_is_stored_of_somebody_takes_the_key_and_the_slow_function_to_make() -> None:
    """Without either, all numbers of a region are tried in a second."""
    fast = PSEUDONYMS.do_not_contact_hash("c1")
    keyed = hmac.digest(KEYS[0].key, f"do-not-contact:{fast}".encode(), "sha256")
    slow = hashlib.scrypt(keyed, salt=b"gateway do-not-contact 1", n=2**14, r=8, p=1, maxmem=2**26, dklen=32)

    made = await do_not_contact_from(KEY_TEXT, PSEUDONYMS, FakeEntries()).newest(["c1"])

    assert made == (f"dnc.d1.{slow.hex()}",)


def test_a_setting_that_holds_no_keys_is_refused() -> None:
    assert len(do_not_contact_from(f"d2:{KEY_TEXT[3:]},{KEY_TEXT}", PSEUDONYMS, FakeEntries()).markers("c1")) == 2
    with pytest.raises(ValueError, match="must be an id"):
        do_not_contact_from("short", PSEUDONYMS, FakeEntries())
