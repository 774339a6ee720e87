"""`SubjectRecords`: every record that is about a person, also those that do not name the person.

The rule: a record belongs to a person by the pseudonym; by the webhook or message that a record of theirs belongs to;
by the hash of one of their message ids; or because it says what was done about them. Other people's are left out.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from libs.contracts.events import (
    DeadLetterDiscarded,
    DeadLetterReplayed,
    SubjectErased,
    SubjectExported,
    WhatsAppStatusReceived,
    WhatsAppStatusUnmatched,
)
from libs.contracts.identity import Pseudonyms
from libs.store.records import Record, RecordFilter, Records
from services.console.handlers.subjects import PAGE, records_about

_MESSAGE_IDS = ("message_id", "reply_to_message_id", "call_id")
_WITHOUT_A_PERSON = (WhatsAppStatusUnmatched.name, WhatsAppStatusReceived.name)
_ABOUT_PERSONS = (SubjectExported.name, SubjectErased.name)
_ABOUT_LETTERS = (DeadLetterReplayed.name, DeadLetterDiscarded.name)


@dataclass(frozen=True, slots=True)
class SubjectRecords:
    """Reads records with the personal values decrypted."""

    records: Records
    pseudonyms: Pseudonyms

    async def __call__(
        self, account_id: str, pseudonyms: Collection[str], dead_letters: Collection[str]
    ) -> Sequence[Record]:
        """The records, newest first; none without a pseudonym. One more read for each webhook or message."""
        known = frozenset(pseudonyms)
        found = {record.id: record async for record in records_about(self.records, account_id, known)}
        for event_id in dict.fromkeys(record.event_id for record in found.copy().values()):
            timeline = await self.records.timeline(event_id) if event_id else ()
            found |= {each.id: each for each in timeline if _is_theirs(each, account_id, known)}
        if found:
            first = min(record.at for record in found.values())
            hashes = {self.pseudonyms.text_hash(account_id, each) for each in _message_ids(found.values())}
            async for record in self._of_types(account_id, (*_WITHOUT_A_PERSON, *_ABOUT_PERSONS, *_ABOUT_LETTERS)):
                if record.at >= first and _leads_to(record, known, hashes, dead_letters):
                    found[record.id] = record
        return sorted(found.values(), key=lambda record: (record.at, record.id), reverse=True)

    async def _of_types(self, account_id: str, types: Sequence[str]) -> AsyncIterator[Record]:
        for name in types:
            cursor: str | None = None
            while True:
                wanted = RecordFilter(account_id=account_id, type=name)
                page = await self.records.page(wanted, limit=PAGE, cursor=cursor)
                for record in page.items:
                    yield record
                cursor = page.next_cursor
                if cursor is None:
                    break


def _is_theirs(record: Record, account_id: str, pseudonyms: frozenset[str]) -> bool:
    return record.account_id == account_id and (record.customer_hash is None or record.customer_hash in pseudonyms)


def _leads_to(record: Record, pseudonyms: frozenset[str], hashes: set[str], dead_letters: Collection[str]) -> bool:
    """Whether a record of a type that names no person is about this one."""
    if record.type in _ABOUT_PERSONS:
        return not pseudonyms.isdisjoint(record.details.get("pseudonyms", ()))
    if record.type in _ABOUT_LETTERS:
        return record.details.get("dead_letter_id") in dead_letters
    return record.customer_hash is None and record.details.get("message_id_hash") in hashes


def _message_ids(records: Collection[Record]) -> set[str]:
    return {each for record in records for each in _ids_in(record.details)}


def _ids_in(details: Mapping[str, Any]) -> set[str]:
    own = {str(details[name]) for name in _MESSAGE_IDS if details.get(name)}
    return own.union(*(_ids_in(each) for each in details.values() if isinstance(each, Mapping)))
