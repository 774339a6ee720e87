"""Persons and records about them, as audit makes them."""

from dataclasses import replace
from uuid import UUID

from libs.contracts.identity import Pseudonyms
from libs.store.records import Record
from libs.store.subjects import SubjectKey, key_of, new_subject
from tests.unit.console.world import KEY, NOON, PHONE, World

WAMID = "wamid.HBgMOTY2NTEyMzQ1Njc4FQIAERg="


def customer_key(account_id: str, phone: str = PHONE) -> str:
    return Pseudonyms(KEY.encode()).customer_key(account_id, phone)


async def a_subject(world: World, account_id: str, phone: str = PHONE) -> SubjectKey:
    """Somebody whom the record knows."""
    (subject,) = await world.store.subjects.add([new_subject(customer_key(account_id, phone), world.sealer)])
    return key_of(subject, world.sealer)


async def records_about(
    world: World, key: SubjectKey, account_id: str, count: int = 1, *, start: int = 1
) -> list[Record]:
    """Records about a person, their ids from `start` on."""
    told = {"masked_phone": "+9665•••••678", "message_id": WAMID, "evidence": {"message_id": WAMID}}
    bare = Record(id="", at=NOON, type="message.approved", account_id=account_id, details={"evidence": {"word": "x"}})
    made = [
        replace(
            bare,
            id=str(UUID(int=n)),
            event_id=str(UUID(int=n)),
            customer_hash=key.pseudonym,
            personal=key.seal(str(UUID(int=n)), told),
        )
        for n in range(start, start + count)
    ]
    await world.store.records.append(made)
    return made
