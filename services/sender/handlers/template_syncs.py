"""`SyncTemplates`: reads the templates of business accounts from their providers, one process at a time for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from libs.chassis.clock import Clock
from libs.chassis.spans import Kind, span
from libs.chassis.telemetry import logger
from libs.providers.outcomes import OutcomeUnknown, Refused, TemplatesOutcome, TemplatesRead
from libs.providers.provider import TemplateLists
from libs.store.accounts import Number, Page, Registry
from libs.store.templates import SYNC_EVERY, Templates, owner_of
from services.sender import metrics
from services.sender.ports import Numbers

log = logger(__name__)
AT_ONCE: Final = 20
PAGE_SIZE: Final = 200
TAKEN_FOR: Final = timedelta(minutes=3)
"""How long a read may take; afterwards another process tries."""
RETRY_AFTER: Final = timedelta(minutes=5)
FIRST_PAGE_ALONE: Final = "first_page_alone"
"""The problem of a list that the server passes on in part; the templates in it can be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncTemplates:
    """Safe to repeat: a read replaces what is known, and an older one never replaces a later one."""

    templates: Templates
    registry: Registry
    numbers: Numbers
    lists: Mapping[str, TemplateLists]
    """By provider; numbers of other providers have no templates that 3CX can ask for."""
    clock: Clock

    async def __call__(self) -> None:
        """Read what is due."""
        for owner, number_id in await self.templates.due(self.clock(), AT_ONCE):
            now = self.clock()
            if await self.templates.take(owner, now=now, until=now + TAKEN_FOR):
                await self._sync(owner, number_id)

    async def find_owners(self) -> None:
        """Ask for the templates of each owner that was never asked for."""
        after: str | None = None
        while rows := await self.registry.page(Number, Page(limit=PAGE_SIZE, after=after)):
            for number in rows:
                if number.provider in self.lists and await self.templates.synchronisation(owner_of(number)) is None:
                    await self.templates.request(owner_of(number), number.id, self.clock())
            after = rows[-1].id

    async def _sync(self, owner: str, number_id: str) -> None:
        number, at = await self.numbers.number(number_id), self.clock()
        if number is None or owner_of(number) != owner:
            # The number has got its business account since, whose templates are read under that name.
            await self.templates.note_problem(owner, "number_moved", at=at, due_at=at + SYNC_EVERY)
            return
        outcome = await self._read(number)
        if isinstance(outcome, TemplatesRead):
            await self.templates.replace(owner, outcome.templates, at=at)
            if not outcome.complete:
                await self.templates.note_problem(owner, FIRST_PAGE_ALONE, at=at, due_at=at + SYNC_EVERY)
            metrics.TEMPLATE_SYNCS.labels("read").inc()
            log.info("templates read", number_id=number.id, templates=len(outcome.templates))
            return
        problem = _problem_in(outcome)
        metrics.TEMPLATE_SYNCS.labels("refused" if isinstance(outcome, Refused) else "unreachable").inc()
        log.warning("templates cannot be read", number_id=number.id, problem=problem)
        waits = SYNC_EVERY if problem == "business_account_unknown" else RETRY_AFTER
        await self.templates.note_problem(owner, problem, at=at, due_at=at + waits)

    async def _read(self, number: Number) -> TemplatesOutcome:
        credentials, list_ = self.numbers.credentials(number), self.lists.get(number.provider)
        if credentials is None or list_ is None:
            return OutcomeUnknown("token_unreadable" if credentials is None else "provider_not_supported")
        with span("GET", Kind.CLIENT):
            return await list_.read(credentials, number.business_account_id)


def _problem_in(outcome: TemplatesOutcome) -> str:
    if isinstance(outcome, Refused):
        return f"refused_{outcome.code or outcome.http_status}"
    return "" if isinstance(outcome, TemplatesRead) else outcome.reason
