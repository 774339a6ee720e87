"""`CachedSubjectKeys`: persons' keys in memory, so that a batch about known persons needs no read.

The rule: a replica drops an erased person's key when it receives the event, and every key after `CACHE_SECONDS`. What
it encrypts with a deleted key until then cannot be decrypted any more.
"""

import time
from collections.abc import Callable, Collection, Mapping

from libs.contracts.errors import unavailable
from libs.contracts.events import Event, SubjectErased
from libs.store.sealer import CannotOpen, Sealer
from libs.store.subjects import Subject, SubjectKey, Subjects, key_of, new_subject_and_key

CACHE_SECONDS = 300.0
MAX_KEYS = 20_000
"""About 500 bytes each; the oldest ones are dropped beyond it."""


class CachedSubjectKeys:
    """`SubjectKeys` from the store."""

    def __init__(self, subjects: Subjects, sealer: Sealer, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._subjects = subjects
        self._sealer = sealer
        self._monotonic = monotonic
        self._cached: dict[str, tuple[float, SubjectKey]] = {}
        self._epoch = 0

    async def of(self, customer_keys: Collection[str], *, new: Collection[str]) -> Mapping[str, SubjectKey]:
        """As `SubjectKeys.of`: one read for persons that are not cached, or one write for new ones."""
        now, epoch = self._monotonic(), self._epoch
        found = {name: entry[1] for name in customer_keys if (entry := self._cached.get(name)) and entry[0] > now}
        missing = set(customer_keys) - found.keys()
        if missing:
            read = await self._read(missing.difference(new)) | await self._added(missing.intersection(new))
            if epoch == self._epoch:
                self._add(read, now + CACHE_SECONDS)
            found |= read
        return found

    def invalidate(self, event: Event | None = None) -> None:
        """Drop the keys of an erased person; all keys without an event, since events may have been missed."""
        self._epoch += 1
        erased = set(event.pseudonyms) if isinstance(event, SubjectErased) else None
        self._cached = {
            name: entry
            for name, entry in self._cached.items()
            if erased is not None and entry[1].pseudonym not in erased
        }

    async def _read(self, customer_keys: set[str]) -> dict[str, SubjectKey]:
        found = await self._subjects.find(customer_keys=customer_keys) if customer_keys else ()
        return {each.customer_key: self._decrypted(each) for each in found}

    async def _added(self, customer_keys: set[str]) -> dict[str, SubjectKey]:
        """The keys of these persons, who get the new ones unless another replica was faster."""
        made = dict(new_subject_and_key(name, self._sealer) for name in sorted(customer_keys))
        stored = await self._subjects.add(list(made)) if made else ()
        return {each.customer_key: made.get(each) or self._decrypted(each) for each in stored}

    def _decrypted(self, subject: Subject) -> SubjectKey:
        try:
            return key_of(subject, self._sealer)
        except CannotOpen as failure:
            raise unavailable("secret_keys") from failure

    def _add(self, read: Mapping[str, SubjectKey], until: float) -> None:
        for name, key in read.items():
            self._cached.pop(name, None)
            self._cached[name] = (until, key)
        while len(self._cached) > MAX_KEYS:
            del self._cached[next(iter(self._cached))]
