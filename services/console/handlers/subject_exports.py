"""Exports everything that is stored about one data subject; the export is on record before anybody receives it."""

from dataclasses import asdict, dataclass

from libs.contracts.events import SubjectExported
from libs.store.conversations import Suppressions
from libs.store.erasures import PersonalData
from libs.store.records import Records
from services.console.domain.events import record_view_from
from services.console.domain.subjects import AddressView, SubjectExport, SubjectRequest
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Changes
from services.console.handlers.subject_dead_letters import SubjectDeadLetters
from services.console.handlers.subjects import DataSubject, SubjectLookup, records_about

KINDS = 10
"""More than there are kinds of suppression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSubject:
    """The operation `/subject-exports`."""

    lookup: SubjectLookup
    personal_data: PersonalData
    records: Records
    suppressions: Suppressions
    dead_letters: SubjectDeadLetters
    changes: Changes

    async def create(self, call: Call[None, SubjectRequest]) -> Answer:
        """Everything about a data subject; empty lists when nothing is stored."""
        now = self.changes.clock()
        body = call.body
        subject = await self.lookup.find(call.principal, body.account_id, body.phone, body.user_id, certain=True)
        account_id, keys = subject.account.id, subject.customer_keys
        pseudonyms = await self.lookup.record_pseudonyms(subject)
        records = [record async for record in records_about(self.records, account_id, pseudonyms)]
        export = SubjectExport(
            account_id=account_id,
            phone=subject.phone,
            user_id=subject.user_id,
            addresses=tuple(AddressView(**asdict(contact)) for contact in subject.contacts),
            exported_at=now,
            pseudonyms=pseudonyms,
            do_not_contact=await self._do_not_contact(subject),
            dead_letters=tuple(await self.dead_letters(account_id, keys, [record.id for record in records])),
            records=tuple(record_view_from(record) for record in records),
            **asdict(await self.personal_data.find(account_id, keys)),
        )
        event = SubjectExported(
            account_id=account_id,
            actor=call.principal.actor,
            pseudonyms=pseudonyms,
            reason=call.body.reason,
            records=len(records),
        )
        await self.changes.record(event, at=now)
        return Answer(export)

    async def _do_not_contact(self, subject: DataSubject) -> tuple[str, ...]:
        """The kinds of suppression that an earlier erasure left."""
        found = [
            await self.suppressions.page(account_id=subject.account.id, customer_key=hash_, after=None, limit=KINDS)
            for hash_ in self.lookup.do_not_contact_hashes(subject)
        ]
        return tuple(sorted({row.kind.value for rows in found for row in rows}))
