"""Erase one person: written down first, then done step by step, and told once (docs/decisions/0009).

The rule: nothing of what is written or told on the way holds the phone, and each step may be repeated: a console that
dies leaves the job to whichever looks next.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import UUID, uuid5

from libs.chassis.telemetry import logger
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import ErasureRefused, SubjectErased
from libs.contracts.identity import do_not_contact
from libs.store.erasing import Erasure, Erasures
from libs.store.erasing import People as Traces
from libs.store.outbox import Outbox, Posted
from libs.store.records import RecordFilter, Records
from libs.store.subjects import Subjects
from services.console.domain.principals import Principal, conflict
from services.console.domain.subjects import ErasureShown, Progress, SubjectAsked
from services.console.handlers.calling import Answer, Call
from services.console.handlers.changing import Changes
from services.console.handlers.letters import LettersAbout
from services.console.handlers.people import People, Person

log = logger(__name__)
PAGE = 1_000
AT_ONCE = 20
_EVENTS = UUID("5f1f8f0c-3f57-5c0e-9f55-6a1f0f6f5b1e")
"""The namespace of the ids of the events that tell of erasures: each is told once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase:
    """The calls under `/erasures`."""

    people: People
    erasures: Erasures
    traces: Traces
    subjects: Subjects
    records: Records
    letters: LettersAbout
    outbox: Outbox
    changes: Changes
    key: bytes = field(repr=False)

    async def create(self, call: Call[None, SubjectAsked]) -> Answer:
        """Erase somebody. Under a legal hold nobody is: that it was asked for is recorded, and it is a conflict."""
        asked = call.body
        person = await self.people.named(call.principal, asked.account_id, asked.phone)
        if person.account.legal_hold:
            await self._refuse(call.principal, asked)
        erasure = await self._begun(call.principal, asked, person)
        try:
            removed = await self.run(erasure)
        except GatewayError as failure:
            if failure.code is not ErrorCode.GATEWAY_UNAVAILABLE:
                raise
            log.warning("erasure goes on later", id=erasure.id)
            return Answer(_shown(erasure, Progress.UNDER_WAY, {}), HTTPStatus.ACCEPTED)
        return Answer(_shown(erasure, Progress.FINISHED, removed))

    async def resume(self) -> None:
        """Finish what others began; to be called at start and every now and then."""
        for erasure in await self.erasures.unfinished(AT_ONCE):
            try:
                await self.run(erasure)
            except GatewayError as failure:  # one that cannot be finished yet holds up no other
                log.warning("erasure goes on later", id=erasure.id, code=failure.code.value)

    async def run(self, erasure: Erasure) -> dict[str, int]:
        """Do all of it; how much of what was removed. Safe to repeat, and to be done by several at once."""
        records, events = await self._records(erasure)
        letters = await self.letters(erasure.account_id, erasure.customer_keys, records)
        removed = dict(await self.traces.remove(erasure, event_ids=records | events, dead_letters=letters))
        removed["keys"] = await self.subjects.forget(erasure.customer_keys)
        removed["records"] = len(records)
        event = SubjectErased(
            account_id=erasure.account_id,
            actor=erasure.actor,
            erasure_id=erasure.id,
            pseudonyms=erasure.pseudonyms,
            reason=erasure.reason,
            removed=removed,
        )
        await self.erasures.finish(erasure.id, [_posted(event, erasure, self.changes)])
        await self.changes.published()
        return removed

    async def _begun(self, principal: Principal, asked: SubjectAsked, person: Person) -> Erasure:
        erasure = Erasure(
            id=self.changes.id_for("era"),
            account_id=person.account.id,
            customer_keys=person.customer_keys,
            do_not_contact=tuple(do_not_contact(self.key, key) for key in person.customer_keys),
            pseudonyms=await self.people.pseudonyms(person),
            reason=asked.reason,
            actor=principal.actor,
            asked_at=self.changes.clock(),
        )
        await self.erasures.begin(erasure)
        return erasure

    async def _refuse(self, principal: Principal, asked: SubjectAsked) -> None:
        refused = ErasureRefused(
            account_id=asked.account_id, actor=principal.actor, code="legal_hold", reason=asked.reason
        )
        await self.outbox.post([self.changes.posted(refused, self.changes.clock())])
        await self.changes.published()
        raise conflict("the account is under a legal hold: nobody is erased until it ends")

    async def _records(self, erasure: Erasure) -> tuple[set[str], set[str]]:
        """Ids of the person's records, and of the events that they belong to."""
        wanted = RecordFilter(account_id=erasure.account_id, customers=frozenset(erasure.pseudonyms))
        records: set[str] = set()
        events: set[str] = set()
        cursor: str | None = None
        while erasure.pseudonyms:
            page = await self.records.page(wanted, limit=PAGE, cursor=cursor)
            records |= {record.id for record in page.items}
            events |= {record.event_id for record in page.items if record.event_id is not None}
            cursor = page.next_cursor
            if cursor is None:
                break
        return records, events


def _posted(event: SubjectErased, erasure: Erasure, changes: Changes) -> Posted:
    posted = changes.posted(event, changes.clock())
    return Posted(str(uuid5(_EVENTS, erasure.id)), posted.name, posted.body, posted.at)


def _shown(erasure: Erasure, status: Progress, removed: dict[str, int]) -> ErasureShown:
    return ErasureShown(
        id=erasure.id,
        account_id=erasure.account_id,
        status=status,
        pseudonyms=erasure.pseudonyms,
        removed=removed,
    )
