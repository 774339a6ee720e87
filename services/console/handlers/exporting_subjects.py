"""Hand out all that is held of one person; that it was handed out is a record, written before anybody reads it."""

from dataclasses import asdict, dataclass, field

from libs.contracts.events import SubjectExported
from libs.contracts.identity import do_not_contact
from libs.store.conversations import Suppressions
from libs.store.erasing import People as Traces
from libs.store.outbox import Outbox
from libs.store.records import Record, RecordFilter, Records
from services.console.domain.events import shown
from services.console.domain.subjects import SubjectAsked, SubjectExport
from services.console.handlers.calling import Answer, Call
from services.console.handlers.changing import Changes
from services.console.handlers.letters import LettersAbout
from services.console.handlers.people import People, Person

PAGE = 1_000
KINDS = 10
"""More than there are kinds of suppression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSubject:
    """The calls under `/subject-exports`."""

    people: People
    traces: Traces
    records: Records
    suppressions: Suppressions
    letters: LettersAbout
    outbox: Outbox
    changes: Changes
    key: bytes = field(repr=False)

    async def create(self, call: Call[None, SubjectAsked]) -> Answer:
        """All that is held of somebody; empty lists for somebody of whom nothing is."""
        asked, now = call.body, self.changes.clock()
        person = await self.people.named(call.principal, asked.account_id, asked.phone)
        pseudonyms = await self.people.pseudonyms(person)
        records = await self._records(person, pseudonyms)
        held = await self.traces.held(person.account.id, person.customer_keys)
        export = SubjectExport(
            account_id=person.account.id,
            phone=person.phone,
            exported_at=now,
            pseudonyms=pseudonyms,
            do_not_contact=await self._unnamed(person),
            dead_letters=tuple(await self.letters(person.account.id, person.customer_keys, [r.id for r in records])),
            records=tuple(shown(record) for record in records),
            **asdict(held),
        )
        event = SubjectExported(
            account_id=person.account.id,
            actor=call.principal.actor,
            pseudonyms=pseudonyms,
            reason=asked.reason,
            records=len(records),
        )
        await self.outbox.post([self.changes.posted(event, now)])
        await self.changes.published()
        return Answer(export)

    async def _records(self, person: Person, pseudonyms: tuple[str, ...]) -> list[Record]:
        wanted = RecordFilter(account_id=person.account.id, customers=frozenset(pseudonyms))
        found: list[Record] = []
        cursor: str | None = None
        while pseudonyms:
            page = await self.records.page(wanted, limit=PAGE, cursor=cursor)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    async def _unnamed(self, person: Person) -> tuple[str, ...]:
        keys = [do_not_contact(self.key, key) for key in person.customer_keys]
        found = [
            await self.suppressions.page(account_id=person.account.id, customer_key=key, after=None, limit=KINDS)
            for key in keys
        ]
        return tuple(sorted({row.kind.value for rows in found for row in rows}))
