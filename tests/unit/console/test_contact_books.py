"""What an erasure asks WhatsApp's contact books for, and what its answer says of that."""

from datetime import timedelta
from typing import Any

import pytest

from libs.store.contact_book import SEALED_FIELD, DeletionStatus
from services.console.handlers.contact_books import LONGEST_WAIT_S, PAUSE_S
from tests.unit.console.erasures import a_linked_person, asked
from tests.unit.console.world import NOON, PHONE, World

USER = "SA.1234567890"


async def an_account(world: World, *numbers: str) -> tuple[str, list[str]]:
    """An account, and the ids of its numbers by provider."""
    account_id: str = (await world.account())["id"]
    made = []
    for place, provider in enumerate(numbers):
        base = {"base_url": "https://evolution.example.com"} if provider == "evolution" else {}
        number = await world.number(account_id, provider=provider, phone_number_id=f"{place}{account_id}", **base)
        made.append(number["id"])
    return account_id, made


async def erased(world: World, account_id: str, **who: Any) -> Any:
    named = {name: value for name, value in asked(account_id, **who).items() if value is not None}
    return await world.ok("POST", "/erasures", named)


async def test_each_cloud_number_is_asked_to_forget_the_user_id_which_is_kept_sealed(world: World) -> None:
    account_id, numbers = await an_account(world, "cloud_api", "evolution", "cloud_api")

    answer = await erased(world, account_id, phone=None, user_id=USER)

    found = await world.store.contact_book.of_erasure(answer["id"])
    assert sorted(each.number_id for each in found) == sorted([numbers[0], numbers[2]])
    for each in found:
        assert USER not in (each.sealed_user_id or "")
        assert world.sealer.open(each.sealed_user_id or "", owner=each.id, field_name=SEALED_FIELD) == USER
    assert {each["status"] for each in answer["contact_book"]} == {"pending"}
    assert USER not in str(answer)


async def test_a_person_named_by_phone_is_forgotten_under_the_linked_user_id(world: World) -> None:
    account_id, _ = await a_linked_person(world)

    answer = await erased(world, account_id, phone="+5511987654321")

    [found] = await world.store.contact_book.of_erasure(answer["id"])
    assert world.sealer.open(found.sealed_user_id or "", owner=found.id, field_name=SEALED_FIELD) == "BR.900000001"


@pytest.mark.parametrize(
    "who",
    [{}, {"phone": None, "user_id": "123456@lid"}],
    ids=["no user id is known", "an id of an Evolution server"],
)
async def test_nothing_is_asked_for_who_is_in_no_contact_book(world: World, who: dict[str, Any]) -> None:
    account_id, _ = await an_account(world, "cloud_api")

    answer = await erased(world, account_id, **{"phone": PHONE} | who)

    assert answer["contact_book"] == []
    assert await world.store.contact_book.due(NOON + timedelta(days=9), 10) == []


async def test_under_a_legal_hold_nothing_is_asked(world: World) -> None:
    account_id, _ = await an_account(world, "cloud_api")
    await world.call("PATCH", f"/accounts/{account_id}", json={"legal_hold": True})

    response = await world.call("POST", "/erasures", json={"account_id": account_id, "user_id": USER, "reason": "x"})

    assert response.status == 409
    assert await world.store.contact_book.due(NOON + timedelta(days=9), 10) == []


async def test_the_outcome_is_shown_afterwards_and_waiting_for_it_ends(world: World) -> None:
    account_id, [number] = await an_account(world, "cloud_api")
    answer = await erased(world, account_id, phone=None, user_id=USER)
    [row] = await world.store.contact_book.of_erasure(answer["id"])
    await world.store.contact_book.take(row.id, now=NOON, until=NOON)
    await world.store.contact_book.end(row.id, DeletionStatus.DELETED)

    shown = await world.ok("GET", f"/erasures/{answer['id']}/contact-book")
    unknown = await world.call("GET", "/erasures/era_unknown/contact-book")

    assert shown["items"] == [{"number_id": number, "status": "deleted", "tries": 1, "problem": None}]
    assert unknown.status == 404
    assert 0 < PAUSE_S <= LONGEST_WAIT_S < 8, "the caller of an erasure waits for less than a request's usual limit"
