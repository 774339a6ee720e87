"""`Records` with the personal values decrypted, for operators; the values of erased customers cannot be decrypted.

Decrypted values are shown and never stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from libs.store.records import Record, RecordFilter, RecordPage, Records
from libs.store.sealer import CannotOpen
from libs.store.subjects import SubjectKey, Subjects, Unsealer, key_of


@dataclass(frozen=True, slots=True)
class DecryptedRecords:
    """`Records`; each page takes one more read, for the keys of the data subjects on it."""

    records: Records
    subjects: Subjects
    sealer: Unsealer = field(repr=False)

    async def append(self, records: Sequence[Record]) -> int:
        """As `Records.append`."""
        return await self.records.append(records)

    async def page(self, wanted: RecordFilter, *, limit: int, cursor: str | None) -> RecordPage:
        """As `Records.page`."""
        page = await self.records.page(wanted, limit=limit, cursor=cursor)
        return RecordPage(await self.decrypted(page.items), page.next_cursor)

    async def timeline(self, event_id: str) -> Sequence[Record]:
        """As `Records.timeline`."""
        return await self.decrypted(await self.records.timeline(event_id))

    async def decrypted(self, records: Sequence[Record]) -> Sequence[Record]:
        """The same records; those whose data subject has no key any more stay encrypted."""
        pseudonyms = {r.customer_hash for r in records if r.personal is not None and r.customer_hash is not None}
        if not pseudonyms:
            return records
        found = await self.subjects.find(pseudonyms=pseudonyms)
        keys = {subject.pseudonym: key_of(subject, self.sealer) for subject in found}
        return [_decrypted(record, keys.get(record.customer_hash or "")) for record in records]


def _decrypted(record: Record, key: SubjectKey | None) -> Record:
    if key is None or record.personal is None:
        return record
    try:
        personal = key.open(record.id, record.personal)
    except CannotOpen:  # the record was changed after it was written: a verification of the chain reports it
        return record
    masked_phone = personal.pop("masked_phone", None)
    return replace(record, masked_phone=masked_phone, details=_merged(record.details, personal), personal=None)


def _merged(plain: Mapping[str, Any], personal: Mapping[str, Any]) -> dict[str, Any]:
    """The plain and the personal part of the details, put together as they were before audit split them."""
    merged = dict(plain)
    for name, value in personal.items():
        known = merged.get(name)
        merged[name] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged
