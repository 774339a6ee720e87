"""`SubjectDeadLetters` finds the dead letters about one data subject by their decrypted content."""

from collections.abc import Collection
from dataclasses import dataclass, field

from libs.contracts.identity import Pseudonyms
from libs.store.accounts import Directory
from libs.store.dead_letters import DeadLetter, DeadLetterFilter, DeadLetters
from libs.store.sealer import CannotOpen, Sealer
from services.console.domain.dead_letters import SEALED_FIELD
from services.console.domain.phone_numbers import e164_from
from services.console.domain.subjects import short_texts_in

PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectDeadLetters:
    """Searches all dead letters of an account."""

    store: DeadLetters
    directory: Directory
    sealer: Sealer = field(repr=False)
    pseudonyms: Pseudonyms

    async def __call__(self, account_id: str, customer_keys: Collection[str], records: Collection[str]) -> list[str]:
        """Ids of the dead letters that contain one of the subject's identifiers, or whose event is among `records`."""
        account = await self.directory.account(account_id)
        region, known = "" if account is None else account.default_region, set(records)
        found: list[str] = []
        after: str | None = None
        while page := await self.store.page(DeadLetterFilter(account_id=account_id), after=after, limit=PAGE):
            found += [
                letter.id
                for letter in page
                if letter.message_id in known or self._is_about(letter, account_id, region, customer_keys)
            ]
            after = page[-1].id
        return found

    def _is_about(self, letter: DeadLetter, account_id: str, region: str, customer_keys: Collection[str]) -> bool:
        try:
            packed = self.sealer.open(letter.sealed, owner=letter.id, field_name=SEALED_FIELD)
        except CannotOpen:
            return False  # nobody can decrypt it any more, and it is deleted when it expires
        key = self.pseudonyms.customer_key
        return any(
            text in customer_keys
            or key(account_id, text) in customer_keys
            or ((phone := e164_from(text, region)) is not None and key(account_id, phone) in customer_keys)
            for text in short_texts_in(packed)
        )
