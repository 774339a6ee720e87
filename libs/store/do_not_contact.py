"""`DoNotContact`: the hashes that still block messages to erased customers, and the markers of erasures.

The rule: whoever has the database and every key but `GATEWAY_DO_NOT_CONTACT_KEYS` cannot tell who was erased, although
there are few enough phone numbers to try them all. With these keys too, each guess takes scrypt's time.
A hash is `dnc.<key id>.<hex>`; it is made of the fast hash that earlier releases stored, so those can be rehashed
without the phone number.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from libs.contracts.identity import Pseudonyms
from libs.contracts.keyed_hashes import KeyedHash
from libs.store.conversations import SuppressionKind
from libs.store.erased_customers import ErasedCustomers
from libs.store.sealer import SealingKey, sealer_from

PREFIX: Final = "dnc."
EXPORTED: Final = "exp."
"""What the hashes of exports begin with: no stored value does."""
CACHE_SECONDS: Final = 24 * 3600.0
MAX_CACHED: Final = 100_000
"""About 300 bytes each; the oldest ones are dropped beyond it."""
AT_ONCE: Final = 1
"""Hashes that are made at the same time; each one takes 16 MiB."""
_SALT: Final = b"gateway do-not-contact 1"
Slow = Callable[[bytes], bytes]
"""A slow function of 32 bytes."""


def scrypt(value: bytes) -> bytes:
    """About 50 ms and 16 MiB: N=2^14, r=8, p=1 (RFC 7914; the interactive parameters of its author)."""
    return hashlib.scrypt(value, salt=_SALT, n=2**14, r=8, p=1, maxmem=2**26, dklen=32)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands for a customer, and whether there is anything to look for under their hashes."""

    kinds: frozenset[SuppressionKind]
    left_by_erasures: bool
    """Whether erasures have left suppressions of anybody in the account."""


class DoNotContactEntries(Protocol):
    """What erasures have left of suppressions."""

    async def look(self, account_id: str, customer_keys: Collection[str]) -> Standing:
        """The kinds that are active for any of the keys or hashes: one round trip."""

    async def fast_entries(self, limit: int) -> Sequence[tuple[str, str]]:
        """Account and hash of entries under hashes of earlier releases (without `PREFIX`)."""

    async def rehash(self, account_id: str, earlier: str, hash_: str) -> None:
        """Move the entries of one hash to another one, and remove everything else under the earlier one.

        Safe to repeat, and to interrupt at any line: the new entry is there before the earlier one goes.
        """


@dataclass(slots=True)
class _Cache:
    """Hashes by customer key, each until its time."""

    monotonic: Callable[[], float]
    rows: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)

    def get(self, key: str) -> tuple[str, ...] | None:
        until, hashes = self.rows.get(key, (0.0, ()))
        return hashes if until > self.monotonic() else None

    def put(self, key: str, hashes: tuple[str, ...]) -> None:
        self.rows.pop(key, None)
        self.rows[key] = (self.monotonic() + CACHE_SECONDS, hashes)
        while len(self.rows) > MAX_CACHED:
            del self.rows[next(iter(self.rows))]


class DoNotContact:
    """Makes the hashes: in a thread, one at a time, once for each customer key and day."""

    def __init__(
        self,
        keys: Sequence[SealingKey],
        pseudonyms: Pseudonyms,
        entries: DoNotContactEntries,
        *,
        slow: Slow = scrypt,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """The first of `keys` makes new hashes; the others find those that were made with them."""
        self.pseudonyms = pseudonyms
        self._keys = tuple(keys)
        self._hashes = tuple(KeyedHash(each.key) for each in keys)
        self._entries = entries
        self._slow = slow
        self._cache = _Cache(monotonic)
        self._running: dict[str, asyncio.Future[tuple[str, ...]]] = {}
        self._thread = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="do-not-contact")

    def known(self, customer_keys: Collection[str]) -> tuple[str, ...]:
        """The hashes of these keys that were made already; the others need no place in a first look."""
        return tuple([each for key in customer_keys for each in self._cache.get(key) or ()])

    def are_all(self, known: Collection[str], customer_keys: Collection[str]) -> bool:
        """Whether `known`, which was asked for before a look, has the hashes of all these keys.

        Asked again after the look, it may have more: those of another message, which the look did not know.
        """
        return len(known) == len(customer_keys) * (len(self._keys) + 1)

    async def of(self, account_id: str, customer_keys: Collection[str]) -> tuple[str, ...]:
        """The hashes of these keys; none, and no work but one read, if no erasure has left a suppression."""
        left = bool(customer_keys) and (await self._entries.look(account_id, ())).left_by_erasures
        return await self.hashes(customer_keys) if left else ()

    async def hashes(self, customer_keys: Collection[str]) -> tuple[str, ...]:
        """Every hash under which an entry about these customer keys may be, whether there are entries or not."""
        made = await asyncio.gather(*map(self._hashes_of, customer_keys))
        return tuple(each for hashes in made for each in hashes)

    async def newest(self, customer_keys: Sequence[str]) -> tuple[str, ...]:
        """The hash of each key under which a new entry is stored, in the same order."""
        return tuple([(await self._hashes_of(key))[0] for key in customer_keys])

    async def look(self, account_id: str, names: Collection[str]) -> Standing:
        """What stands under these keys or hashes."""
        return await self._entries.look(account_id, names)

    async def standing(
        self,
        account_id: str,
        customer_keys: Collection[str],
        *,
        first: Callable[[Collection[str]], Awaitable[Standing]] | None = None,
    ) -> Standing:
        """What stands for the customer under the keys and their hashes: one read, two where the hashes are new.

        `first` makes the first of these reads, of the names that it is given, and may read something else with it.
        """
        known = self.known(customer_keys)
        look = first or partial(self._entries.look, account_id)
        found = await look((*customer_keys, *known))
        if not found.left_by_erasures or self.are_all(known, customer_keys):
            return found
        hashes = await self.hashes(customer_keys)
        return await self._entries.look(account_id, (*customer_keys, *hashes))

    async def rehash_all(self, limit: int = 100) -> int:
        """Rehash the entries of earlier releases; returns how many. Safe to repeat; cheap when there is none."""
        count = 0
        while found := await self._entries.fast_entries(limit):
            for account_id, earlier in found:
                hash_ = await self._in_thread(earlier, self._keys[:1])
                await self._entries.rehash(account_id, earlier, hash_[0])
                count += 1
        return count

    def markers(self, customer_key: str) -> tuple[str, ...]:
        """What stands for a customer key in the markers of erasures, the newest first. Fast: markers stay for days."""
        value = f"erased:{customer_key}".encode()
        return tuple([each.hexdigest(value) for each in self._hashes])

    def names_of_erased(self, customer_keys: Collection[str]) -> list[str]:
        """The names under which markers of these customers may be; earlier releases took the keys themselves."""
        return [each for key in customer_keys for each in (*self.markers(key), key)]

    def exported(self, customer_key: str) -> str:
        """What stands for a customer key, or for the hash that an erasure has left of it, in exports.

        Fast, so that it is made for a million rows; nobody makes one without these keys and `GATEWAY_HASH_KEY`. It is
        nowhere in the store, and changes when a new key becomes the first.
        """
        newest = self._keys[0]
        return f"{EXPORTED}{newest.kid}.{hmac.digest(newest.key, f'exported:{customer_key}'.encode(), 'sha256').hex()}"

    async def _hashes_of(self, customer_key: str) -> tuple[str, ...]:
        cached = self._cache.get(customer_key)
        if cached is not None:
            return cached
        running = self._running.get(customer_key)
        if running is None:
            running = asyncio.ensure_future(self._make(customer_key))
            self._running[customer_key] = running
        return await asyncio.shield(running)

    async def _make(self, customer_key: str) -> tuple[str, ...]:
        try:
            fast = self.pseudonyms.do_not_contact_hash(customer_key)
            made = (*await self._in_thread(fast, self._keys), fast)
            self._cache.put(customer_key, made)
            return made
        finally:
            self._running.pop(customer_key, None)

    async def _in_thread(self, fast: str, keys: Sequence[SealingKey]) -> tuple[str, ...]:
        def make() -> tuple[str, ...]:
            return tuple(f"{PREFIX}{each.kid}.{self._slow(_keyed(each.key, fast)).hex()}" for each in keys)

        return await asyncio.get_running_loop().run_in_executor(self._thread, make)


@dataclass(frozen=True, slots=True)
class HashedErasedCustomers:
    """`ErasedCustomers` whose markers need a do-not-contact key to be made."""

    store: ErasedCustomers
    do_not_contact: DoNotContact = field(repr=False)

    async def mark(self, account_id: str, customer_keys: Collection[str], at: datetime) -> None:
        """As `ErasedCustomers.mark`."""
        await self.store.mark(account_id, [self.do_not_contact.markers(key)[0] for key in customer_keys], at)

    async def erased_at(self, account_id: str, customer_keys: Collection[str]) -> datetime | None:
        """As `ErasedCustomers.erased_at`."""
        return await self.store.erased_at(account_id, self.do_not_contact.names_of_erased(customer_keys))

    async def forget(self, now: datetime) -> None:
        """As `ErasedCustomers.forget`."""
        await self.store.forget(now)


def do_not_contact_from(text: str, pseudonyms: Pseudonyms, entries: DoNotContactEntries) -> DoNotContact:
    """The hashes with the keys of `GATEWAY_DO_NOT_CONTACT_KEYS`, in the form of `sealer_from`. Raises ValueError."""
    return DoNotContact(sealer_from(text).keys, pseudonyms, entries)


def _keyed(key: bytes, fast: str) -> bytes:
    return hmac.digest(key, f"do-not-contact:{fast}".encode(), "sha256")
