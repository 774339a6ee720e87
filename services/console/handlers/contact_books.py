"""`ContactBooks`: requests that WhatsApp's contact books forget an erased person, and tells what became of it.

Console has no access tokens: sender makes the deletions, within seconds while WhatsApp answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from libs.contracts.identity import recognised_user_id
from libs.store.accounts import Number, Page, Registry
from libs.store.contact_book import SEALED_FIELD, ContactBook, ContactBookDeletion, DeletionStatus
from libs.store.erasures import Erasure
from libs.store.sealer import Sealer
from services.console.domain.pagination import ListPage
from services.console.domain.refusals import not_found
from services.console.domain.subjects import ContactBookView
from services.console.handlers.calls import Answer, Call
from services.console.handlers.subjects import DataSubject

PAGE: Final = 200
PAUSE_S: Final = 0.25
LONGEST_WAIT_S: Final = 4.0
"""How long the answer to an erasure waits for the outcome; afterwards it says `pending`."""
FOREIGN: Final = "@"
"""A sign in the ids of Evolution's servers, which no contact book of WhatsApp has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactBooks:
    """The part of an erasure that WhatsApp has to do."""

    contact_book: ContactBook
    registry: Registry
    providers: Collection[str]
    """The kinds of providers that have contact books."""
    sealer: Sealer = field(repr=False)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def request(self, erasure: Erasure, subject: DataSubject) -> None:
        """Request a deletion for each user id of the person and each number of the account.

        To be called before the erasure's job is stored: afterwards nothing knows the user ids. Safe to repeat.
        """
        names = [subject.user_id, *(contact.user_id for contact in subject.contacts)]
        user_ids = [*dict.fromkeys(each for each in names if each and _is_business_scoped(each))]
        if not user_ids:
            return
        made = [
            self._deletion(erasure, number, position, user_id)
            for number in await self._numbers(erasure.account_id)
            for position, user_id in enumerate(user_ids)
        ]
        await self.contact_book.request(made)

    async def results(self, erasure_id: str) -> tuple[ContactBookView, ...]:
        """What became of an erasure's deletions; waits a little for those that are pending."""
        waited = 0.0
        while True:
            found = await self.contact_book.of_erasure(erasure_id)
            if waited >= LONGEST_WAIT_S or all(each.status is not DeletionStatus.PENDING for each in found):
                return tuple(map(_view, found))
            await self.sleep(PAUSE_S)
            waited += PAUSE_S

    async def list(self, call: Call[None, None]) -> Answer:
        """The deletions of an erasure of the last 30 days; not found without any."""
        found = await self.contact_book.of_erasure(call.ids["erasure_id"])
        if not found or not call.principal.can_see(found[0].account_id):
            raise not_found()
        return Answer(ListPage[ContactBookView](items=tuple(map(_view, found)), next_cursor=None))

    def _deletion(self, erasure: Erasure, number: Number, position: int, user_id: str) -> ContactBookDeletion:
        id_ = f"{erasure.id}:{number.id}:{position}"
        return ContactBookDeletion(
            id=id_,
            erasure_id=erasure.id,
            account_id=erasure.account_id,
            number_id=number.id,
            sealed_user_id=self.sealer.seal(user_id, owner=id_, field_name=SEALED_FIELD),
            at=erasure.asked_at,
        )

    async def _numbers(self, account_id: str) -> Sequence[Number]:
        """The account's numbers that have a contact book."""
        found: list[Number] = []
        after: str | None = None
        while rows := await self.registry.page(Number, Page(PAGE, after, account_id)):
            found += (number for number in rows if number.provider in self.providers)
            after = rows[-1].id
        return found


def _is_business_scoped(user_id: str) -> bool:
    return FOREIGN not in user_id and recognised_user_id(user_id) is not None


def _view(deletion: ContactBookDeletion) -> ContactBookView:
    return ContactBookView(
        number_id=deletion.number_id, status=deletion.status, tries=deletion.tries, problem=deletion.problem
    )
