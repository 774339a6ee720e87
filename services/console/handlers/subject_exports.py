"""Exports everything that is stored about one data subject; the export is on record before anybody receives it."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import urlsplit

from libs.contracts.events import SubjectExported
from libs.store.accounts import Account, Integration, Number, Page, Registry
from libs.store.chats import PseudoNumbers
from libs.store.erasures import PersonalData
from services.console.domain.events import record_view_from
from services.console.domain.subject_information import Processing, SubjectInformation, information_about
from services.console.domain.subjects import AddressView, ChatNumberView, SubjectExport, SubjectRequest
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Changes
from services.console.handlers.subject_dead_letters import SubjectDeadLetters
from services.console.handlers.subject_records import SubjectRecords
from services.console.handlers.subjects import DataSubject, SubjectLookup, records_about

AT_ONCE: Final = 1_000
"""Numbers and integrations of one account that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSubject:
    """The operation `/subject-exports`."""

    lookup: SubjectLookup
    personal_data: PersonalData
    records: SubjectRecords
    registry: Registry
    dead_letter_days: float
    dead_letters: SubjectDeadLetters
    pseudo_numbers: PseudoNumbers
    changes: Changes

    async def create(self, call: Call[None, SubjectRequest]) -> Answer:
        """Everything about a data subject; empty lists when nothing is stored."""
        body = call.body
        subject = await self.lookup.find(call.principal, body.account_id, body.phone, body.user_id, certain=True)
        export = await self._export(subject)
        event = SubjectExported(
            account_id=subject.account.id,
            actor=call.principal.actor,
            pseudonyms=export.pseudonyms,
            reason=call.body.reason,
            records=len(export.records),
        )
        await self.changes.record(event, at=export.exported_at)
        return Answer(export)

    async def _export(self, subject: DataSubject) -> SubjectExport:
        now, account_id, keys = self.changes.clock(), subject.account.id, subject.customer_keys
        pseudonyms = await self.lookup.record_pseudonyms(subject)
        letters = tuple(await self.dead_letters(account_id, keys, await self._own_ids(account_id, pseudonyms)))
        return SubjectExport(
            account_id=account_id,
            phone=subject.phone,
            user_id=subject.user_id,
            addresses=tuple(AddressView(**asdict(contact)) for contact in subject.contacts),
            chat_numbers=await self._chat_numbers(account_id, keys),
            exported_at=now,
            pseudonyms=pseudonyms,
            do_not_contact=await self.lookup.left_by_erasures(subject),
            dead_letters=letters,
            records=tuple(map(record_view_from, await self.records(account_id, pseudonyms, letters))),
            information=await self._information(subject.account),
            **asdict(await self.personal_data.find(account_id, keys)),
        )

    async def _own_ids(self, account_id: str, pseudonyms: Collection[str]) -> list[str]:
        return [record.id async for record in records_about(self.records.records, account_id, pseudonyms)]

    async def _information(self, account: Account) -> SubjectInformation:
        numbers = await self.registry.page(Number, Page(AT_ONCE, None, account.id))
        integrations = await self.registry.page(Integration, Page(AT_ONCE, None, account.id))
        hosts = (urlsplit(each.forward_url).hostname for each in integrations if each.forward_url)
        return information_about(
            Processing(
                business_name=account.business_name,
                retention_days=account.retention_days,
                dead_letter_days=self.dead_letter_days,
                forward_hosts={host for host in hosts if host},
                providers={number.provider for number in numbers},
            )
        )

    async def _chat_numbers(self, account_id: str, keys: Collection[str]) -> tuple[ChatNumberView, ...]:
        found = await self.pseudo_numbers.numbers_of(account_id, keys)
        return tuple(ChatNumberView(integration_id=integration_id, number=number) for integration_id, number in found)
