"""The record with what it tells of persons opened, for operators' eyes: what was erased stays closed for ever.

The rule: opened values are shown and never written down; the record itself is not touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from libs.store.records import Record, RecordFilter, RecordPage, Records
from libs.store.sealing import CannotOpen
from libs.store.subjects import Opens, SubjectKey, Subjects, key_of


@dataclass(frozen=True, slots=True)
class OpenedRecords:
    """`Records`, one read more for each page: that of the keys of the persons on it."""

    records: Records
    subjects: Subjects
    seals: Opens = field(repr=False)

    async def append(self, records: Sequence[Record]) -> int:
        """As `Records.append`."""
        return await self.records.append(records)

    async def page(self, wanted: RecordFilter, *, limit: int, cursor: str | None) -> RecordPage:
        """As `Records.page`."""
        page = await self.records.page(wanted, limit=limit, cursor=cursor)
        return RecordPage(await self.opened(page.items), page.next_cursor)

    async def story(self, event_id: str) -> Sequence[Record]:
        """As `Records.story`."""
        return await self.opened(await self.records.story(event_id))

    async def opened(self, records: Sequence[Record]) -> Sequence[Record]:
        """The same records; those whose person has no key any more stay as they are kept."""
        pseudonyms = {r.customer_hash for r in records if r.personal is not None and r.customer_hash is not None}
        if not pseudonyms:
            return records
        found = await self.subjects.find(pseudonyms=pseudonyms)
        keys = {subject.pseudonym: key_of(subject, self.seals) for subject in found}
        return [_opened(record, keys.get(record.customer_hash or "")) for record in records]


def _opened(record: Record, key: SubjectKey | None) -> Record:
    if key is None or record.personal is None:
        return record
    try:
        told = key.open(record.id, record.personal)
    except CannotOpen:  # somebody changed the record: verifying the chain names it
        return record
    masked_phone = told.pop("masked_phone", None)
    return replace(record, masked_phone=masked_phone, details=_joined(record.details, told), personal=None)


def _joined(open_: Mapping[str, Any], sealed: Mapping[str, Any]) -> dict[str, Any]:
    """Both parts of the details, in the shape that they had before they were parted."""
    joined = dict(open_)
    for name, value in sealed.items():
        known = joined.get(name)
        joined[name] = _joined(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return joined
