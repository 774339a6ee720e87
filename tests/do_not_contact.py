"""`DoNotContact` for tests: its keys, a quick hash in place of scrypt, and entries over a fake or a real store."""

import base64
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from libs.contracts.identity import Pseudonyms
from libs.store.conversations import SuppressionKind
from libs.store.do_not_contact import DoNotContact, DoNotContactEntries, Standing
from libs.store.sealer import SealingKey

KEY_TEXT = f"d1:{base64.b64encode(b'd' * 32).decode()}"
KEYS = (SealingKey("d1", b"d" * 32),)


class _Suppressions(Protocol):
    async def standing(self, account_id: str, customer_keys: Collection[str]) -> frozenset[SuppressionKind]: ...


class _Nothing:
    async def standing(self, account_id: str, customer_keys: Collection[str]) -> frozenset[SuppressionKind]:
        return frozenset()


@dataclass
class FakeEntries:
    """Entries among the rows of a fake; `left` says whether the account has some."""

    suppressions: _Suppressions = field(default_factory=_Nothing)
    left: bool = True
    looks: list[tuple[str, ...]] = field(default_factory=list)

    async def look(self, account_id: str, customer_keys: Collection[str]) -> Standing:
        self.looks.append(tuple(customer_keys))
        return Standing(await self.suppressions.standing(account_id, customer_keys), self.left)

    async def fast_entries(self, limit: int) -> Sequence[tuple[str, str]]:
        return []

    async def rehash(self, account_id: str, earlier: str, hash_: str) -> None:
        raise AssertionError("nothing is there to be rehashed")


def quick(value: bytes) -> bytes:
    """In place of scrypt."""
    return sha256(value).digest()


def hashes_over(
    entries: DoNotContactEntries | None = None,
    pseudonyms: Pseudonyms | None = None,
    *,
    keys: Sequence[SealingKey] = KEYS,
    slow: Callable[[bytes], bytes] = quick,
) -> DoNotContact:
    """The hashes over entries; without some, in an account that has none."""
    known = FakeEntries(left=False) if entries is None else entries
    return DoNotContact(keys, pseudonyms or Pseudonyms(b"k" * 32), known, slow=slow)
