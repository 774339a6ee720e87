"""`RegistryTokenPeers`: finds the numbers that share an access token, by comparing the tokens' hashes."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from libs.store.accounts import Number, Page, Registry
from services.sender.ports import Numbers

PAGE_SIZE = 200
MAX_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class RegistryTokenPeers:
    """Reads all numbers, which only a refused token needs; tokens are sealed, so no index can find equal ones."""

    registry: Registry
    numbers: Numbers
    _digests: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False)
    """The hash of each token by number and sealed form, so that a token is decrypted once."""

    async def of(self, number: Number) -> Sequence[Number]:
        """As `TokenPeers.of`."""
        wanted = self._digest(number)
        if wanted is None:
            return ()
        return [each async for each in self._all() if each.id != number.id and self._is_peer(each, number, wanted)]

    async def _all(self) -> AsyncIterator[Number]:
        page = Page(limit=PAGE_SIZE)
        while rows := await self.registry.page(Number, page):
            for row in rows:
                yield row
            page = Page(limit=PAGE_SIZE, after=rows[-1].id)

    def _is_peer(self, each: Number, number: Number, wanted: bytes) -> bool:
        served_alike = (each.provider, each.base_url) == (number.provider, number.base_url)
        return served_alike and self._digest(each) == wanted

    def _digest(self, number: Number) -> bytes | None:
        key = (number.id, number.sealed_token)
        if key not in self._digests:
            credentials = self.numbers.credentials(number)
            if credentials is None:
                return None
            if len(self._digests) >= MAX_REMEMBERED:
                self._digests.clear()
            self._digests[key] = hashlib.sha256(credentials.access_token.encode()).digest()
        return self._digests[key]
