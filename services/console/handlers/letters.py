"""Dead letters about one person: opened, looked through, and closed again; what they say goes nowhere."""

from collections.abc import Collection
from dataclasses import dataclass, field

from libs.store.accounts import Directory
from libs.store.dead_letters import DeadLetter, DeadLetterFilter, DeadLetters
from libs.store.sealing import CannotOpen
from services.console.domain.dead_letters import SEALED_FIELD
from services.console.domain.phones import e164_from
from services.console.domain.subjects import names_in
from services.console.ports import CustomerKey, Seals

PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LettersAbout:
    """Finds them among all of an account's."""

    store: DeadLetters
    directory: Directory
    seals: Seals = field(repr=False)
    customer_key: CustomerKey = field(repr=False)

    async def __call__(self, account_id: str, customer_keys: Collection[str], records: Collection[str]) -> list[str]:
        """Ids of the letters that name the person, or whose event is among these records."""
        account = await self.directory.account(account_id)
        region, known = "" if account is None else account.default_region, set(records)
        found: list[str] = []
        after: str | None = None
        while page := await self.store.page(DeadLetterFilter(account_id=account_id), after=after, limit=PAGE):
            found += [
                letter.id
                for letter in page
                if letter.message_id in known or self._names(letter, account_id, region, customer_keys)
            ]
            after = page[-1].id
        return found

    def _names(self, letter: DeadLetter, account_id: str, region: str, customer_keys: Collection[str]) -> bool:
        try:
            packed = self.seals.open(letter.sealed, owner=letter.id, field_name=SEALED_FIELD)
        except CannotOpen:
            return False  # nobody can read it any more, and it goes when its time is over
        return any(
            name in customer_keys
            or self.customer_key(account_id, name) in customer_keys
            or (
                (phone := e164_from(name, region)) is not None and self.customer_key(account_id, phone) in customer_keys
            )
            for name in names_in(packed)
        )
