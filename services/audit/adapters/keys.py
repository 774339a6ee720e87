"""Persons' keys, remembered for a while: a batch about known customers asks the store nothing.

The rule: a key that was forgotten elsewhere is forgotten here as soon as we hear of it, and after `KEPT_SECONDS` in any
case. Until then it may seal some more records, which nobody can open: that harms nobody.
"""

import time
from collections.abc import Callable, Collection, Mapping

from libs.contracts.errors import unavailable
from libs.contracts.events import Event, SubjectErased
from libs.store.sealing import CannotOpen, Sealer
from libs.store.subjects import Subject, SubjectKey, Subjects, key_of, new_subject

KEPT_SECONDS = 300.0
MAX_KEYS = 20_000
"""Some 1 KB each; beyond it the one that came first goes."""


class RememberedKeys:
    """`Keys`."""

    def __init__(self, subjects: Subjects, sealer: Sealer, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._subjects = subjects
        self._sealer = sealer
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, SubjectKey]] = {}
        self._epoch = 0

    async def of(self, customer_keys: Collection[str], *, new: Collection[str]) -> Mapping[str, SubjectKey]:
        """As `Keys.of`; one read for those not remembered, one write more for those who are new."""
        now, epoch = self._monotonic(), self._epoch
        found = {name: kept[1] for name in customer_keys if (kept := self._kept.get(name)) and kept[0] > now}
        missing = set(customer_keys) - found.keys()
        if missing:
            read = {each.customer_key: self._opened(each) for each in await self._rows(missing, new)}
            if epoch == self._epoch:
                self._remember(read, now + KEPT_SECONDS)
            found |= read
        return found

    def forget(self, happened: Event | None = None) -> None:
        """Forget who was erased; without an event everybody, since some may have been missed."""
        self._epoch += 1
        gone = set(happened.pseudonyms) if isinstance(happened, SubjectErased) else None
        self._kept = {
            name: kept for name, kept in self._kept.items() if gone is not None and kept[1].pseudonym not in gone
        }

    async def _rows(self, customer_keys: set[str], new: Collection[str]) -> list[Subject]:
        known = list(await self._subjects.find(customer_keys=customer_keys))
        unknown = (customer_keys - {each.customer_key for each in known}).intersection(new)
        if unknown:
            known += await self._subjects.add([new_subject(name, self._sealer) for name in sorted(unknown)])
        return known

    def _opened(self, subject: Subject) -> SubjectKey:
        try:
            return key_of(subject, self._sealer)
        except CannotOpen as failure:
            raise unavailable("secret_keys") from failure

    def _remember(self, read: Mapping[str, SubjectKey], until: float) -> None:
        for name, key in read.items():
            self._kept.pop(name, None)
            self._kept[name] = (until, key)
        while len(self._kept) > MAX_KEYS:
            del self._kept[next(iter(self._kept))]
