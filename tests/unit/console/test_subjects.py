"""Who is meant by a phone, and what of a person shows in the record."""

from urllib.parse import quote
from uuid import UUID

from tests.unit.console.subjects import WAMID, a_subject, customer_key, records_about
from tests.unit.console.world import NOON, PHONE, World


async def test_what_a_record_tells_of_a_person_is_opened_for_operators(world: World) -> None:
    account = await world.account()
    await records_about(world, await a_subject(world, account["id"]), account["id"])

    page = await world.ok("GET", f"/events?account_id={account['id']}&type=message.approved")
    story = await world.ok("GET", f"/events/{UUID(int=1)}")

    for (item,) in (page["items"], story["items"]):
        assert item["masked_phone"] == "+9665•••••678"
        assert item["details"] == {"message_id": WAMID, "evidence": {"word": "x", "message_id": WAMID}}


async def test_a_forgotten_persons_records_tell_nothing_of_them(world: World) -> None:
    account = await world.account()
    key = await a_subject(world, account["id"])
    await records_about(world, key, account["id"])

    await world.store.subjects.delete([customer_key(account["id"])])

    (item,) = (await world.ok("GET", f"/events/{UUID(int=1)}"))["items"]
    assert (item["masked_phone"], item["details"]) == (None, {"evidence": {"word": "x"}})
    assert item["customer_hash"] == key.pseudonym


async def test_records_are_found_by_the_customers_phone(world: World) -> None:
    account = await world.account()
    await records_about(world, await a_subject(world, account["id"]), account["id"], 3)
    await a_subject(world, account["id"], "+966512345679")

    async def found(phone: str) -> int:
        page = await world.ok("GET", f"/events?account_id={account['id']}&phone={quote(phone)}")
        return len(page["items"])

    assert [await found(phone) for phone in (PHONE, "0512345678", "+966512345679", "+966512345670")] == [3, 3, 0, 0]


async def test_records_are_found_by_phone_under_the_user_id_that_belongs_to_it(world: World) -> None:
    account = await world.account()
    user_id = customer_key(account["id"], "US.1")
    await world.store.identities.link(account["id"], [customer_key(account["id"]), user_id], NOON)
    await records_about(world, await a_subject(world, account["id"], "US.1"), account["id"], 2)

    page = await world.ok("GET", f"/events?account_id={account['id']}&phone={quote(PHONE)}")

    assert len(page["items"]) == 2


async def test_a_phone_without_its_account_is_refused(world: World) -> None:
    response = await world.call("GET", f"/events?phone={quote(PHONE)}")

    assert response.status == 422
    assert PHONE not in await response.text()
