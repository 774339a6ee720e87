"""`SubjectDeadLetters` finds the dead letters about one data subject by their decrypted content."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

from libs.chassis.topology import POSTS
from libs.store.accounts import Directory
from libs.store.dead_letters import DeadLetter, DeadLetterFilter, DeadLetters
from libs.store.sealer import CannotOpen, Sealer
from services.console.domain.dead_letters import SEALED_FIELD
from services.console.handlers.dead_letter_customers import DeadLetterCustomers

PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectDeadLetters:
    """Searches all dead letters of an account, and providers' posts of no account."""

    store: DeadLetters
    directory: Directory
    sealer: Sealer = field(repr=False)
    customers: DeadLetterCustomers

    async def __call__(self, account_id: str, customer_keys: Collection[str], records: Collection[str]) -> list[str]:
        """Ids of the dead letters that contain one of the subject's identifiers, or whose event is among `records`."""
        account = await self.directory.account(account_id)
        region, known = "" if account is None else account.default_region, set(records)
        found: list[str] = []
        for wanted in (DeadLetterFilter(account_id=account_id), DeadLetterFilter(queue=POSTS.name)):
            async for letter in self._letters(wanted):
                if letter.account_id not in {None, account_id} or letter.id in found:
                    continue
                if letter.message_id in known or await self._is_about(letter, account_id, region, customer_keys):
                    found.append(letter.id)
        return found

    async def _letters(self, wanted: DeadLetterFilter) -> AsyncIterator[DeadLetter]:
        after: str | None = None
        while page := await self.store.page(wanted, after=after, limit=PAGE):
            for letter in page:
                yield letter
            after = page[-1].id

    async def _is_about(self, letter: DeadLetter, account_id: str, region: str, customer_keys: Collection[str]) -> bool:
        try:
            packed = self.sealer.open(letter.sealed, owner=letter.id, field_name=SEALED_FIELD)
        except CannotOpen:
            return False  # nobody can decrypt it any more, and it is deleted when it expires
        return any(key in customer_keys for key in await self.customers.all_keys(packed, account_id, region))
