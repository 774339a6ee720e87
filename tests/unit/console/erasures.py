"""What the tests of erasures share: somebody to erase, the wish, and looks at what is left of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from libs.contracts.identity import Pseudonyms
from libs.store.contacts import Contact, sealed_contact
from libs.store.customer_links import Relation
from libs.store.store import Store
from libs.store.verification import verify
from services.console.app.subjects import erasure_from
from tests.unit.console.subjects import a_subject, customer_key, records_about
from tests.unit.console.world import KEY, NOON, PHONE, World, settings
from tests.unit.record.chains import KEYS

ELSE = "+966512345679"
BRAZILIAN, BRAZILIAN_DIGITS = "+5511987654321", "551187654321"


def asked(account_id: str, phone: str = PHONE, **changes: Any) -> dict[str, Any]:
    return {"account_id": account_id, "phone": phone, "reason": "asked by letter"} | changes


async def somebody(world: World, *, phone: str = PHONE, records: int = 3) -> str:
    """An account with a person of whom there is something of everything."""
    account_id: str = (await world.account())["id"]
    number = await world.number(account_id, phone_number_id=f"1{account_id}")
    await world.store.conversations.open_window(number["id"], [customer_key(account_id, phone)], NOON)
    await world.ok("POST", "/suppressions", {"account_id": account_id, "phone": phone, "reason": "asked us"})
    await records_about(world, await a_subject(world, account_id, phone), account_id, records)
    return account_id


async def a_linked_person(world: World) -> tuple[str, str]:
    """A Brazilian of whom a window is left under the key of an earlier release, linked with a user id."""
    account_id: str = (await world.account())["id"]
    number = await world.number(account_id, phone_number_id=f"1{account_id}")
    pseudonyms = Pseudonyms(KEY.encode())
    key, by_user_id = (pseudonyms.customer_key(account_id, name) for name in (BRAZILIAN, "BR.900000001"))
    [former] = pseudonyms.former_customer_keys(account_id, BRAZILIAN)
    contact = Contact(phone=BRAZILIAN, wa_id=BRAZILIAN_DIGITS, user_id="BR.900000001")
    await world.store.customer_links.join(account_id, by_user_id, key, Relation.USER_ID, NOON)
    for each in (key, by_user_id):
        sealed = sealed_contact(contact, world.sealer, owner=each)
        await world.store.customer_links.keep_contact(account_id, each, sealed, NOON)
    await world.store.conversations.open_window(number["id"], [former], NOON)
    return account_id, by_user_id


async def verified(world: World) -> bool:
    return (await verify(world.store.chains, world.store.checkpoints, keys=KEYS)).ok


def told(world: World, kind: type[Any]) -> list[Any]:
    return [event for event in world.broker.events if isinstance(event, kind)]


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def erase(world: World, store: Store) -> Any:
    return erasure_from(settings(), replace(world.deps, store=store))
