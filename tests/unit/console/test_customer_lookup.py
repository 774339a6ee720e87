"""Whom operators mean: the reader of the webhooks, the customers that the account knows, and user ids."""

from typing import Any

import pytest

from tests.unit.console.subjects import a_subject, customer_key, records_about
from tests.unit.console.world import NOON, PHONE, World

DIGITS, MOBILE, AT_HOME = "491713920015", "+491713920015", "+49491713920015"
"""Digits without a plus, and their two meanings in Germany: a mobile, and a landline of Leer (0491)."""
USER_ID, LID = "SA.900000001", "123456789010005@lid"


async def an_account(world: World, region: str, *known: str) -> str:
    """An account with a number that these customers wrote to."""
    account_id: str = (await world.account(default_region=region))["id"]
    number = await world.number(account_id, phone_number_id=f"1{account_id}")
    await world.store.conversations.open_window(number["id"], [customer_key(account_id, who) for who in known], NOON)
    return account_id


async def blocked(world: World, account_id: str, who: dict[str, str]) -> str:
    """The customer key that is blocked."""
    made = await world.ok("POST", "/suppressions", {"account_id": account_id, "reason": "asked", **who})
    row = await world.store.suppressions.get(made["id"])
    assert row is not None
    return row.customer_key


async def problems(world: World, method: str, path: str, body: dict[str, Any]) -> list[dict[str, str]]:
    response = await world.call(method, path, json=body)
    refused = await response.json()
    assert response.status == 422, refused
    errors: list[dict[str, str]] = refused["details"]["errors"]
    return errors


@pytest.mark.parametrize(
    ("region", "known", "given", "meant"),
    [
        pytest.param("DE", [MOBILE], {"phone": DIGITS}, MOBILE, id="digits of a customer who wrote"),
        pytest.param("DE", [AT_HOME], {"phone": DIGITS}, AT_HOME, id="digits of the other one, who wrote"),
        pytest.param("DE", [], {"phone": DIGITS}, MOBILE, id="digits of nobody who is known"),
        pytest.param("DE", ["+33639980012"], {"phone": "33639980012"}, "+33639980012", id="a number of no plan"),
        pytest.param("BR", [], {"phone": "+551187654321"}, "+5511987654321", id="WhatsApp's form of a Brazilian"),
        pytest.param("SA", [], {"phone": "tel:+966-51-234-5678"}, PHONE, id="an address"),
        pytest.param("SA", [], {"phone": '"Kim" <sip:0512345678@pbx.example>'}, PHONE, id="a name and an address"),
        pytest.param("SA", [], {"user_id": USER_ID}, USER_ID, id="a user id"),
        pytest.param("SA", [], {"user_id": LID}, LID, id="Evolution's id"),
        pytest.param("SA", [], {"phone": USER_ID}, USER_ID, id="a user id in the place of the phone"),
    ],
)
async def test_an_operator_blocks_the_customer_of_the_account(
    world: World, region: str, known: list[str], given: dict[str, str], meant: str
) -> None:
    account_id = await an_account(world, region, *known)

    assert await blocked(world, account_id, given) == customer_key(account_id, meant)


async def test_an_erased_customer_who_must_not_be_contacted_is_known_by_digits(world: World) -> None:
    account_id = await an_account(world, "DE", AT_HOME)
    await blocked(world, account_id, {"phone": AT_HOME})
    await world.ok("POST", "/erasures", {"account_id": account_id, "phone": AT_HOME, "reason": "asked by letter"})

    assert await blocked(world, account_id, {"phone": DIGITS}) == customer_key(account_id, AT_HOME)


async def test_a_suppression_of_a_user_id_shows_neither_the_id_nor_a_phone(world: World) -> None:
    account_id = await an_account(world, "SA")

    made = await world.ok("POST", "/suppressions", {"account_id": account_id, "user_id": USER_ID, "reason": "asked"})

    assert made["masked_phone"] == ""
    assert USER_ID not in str(made) + world.broker.events[-1].model_dump_json()


@pytest.mark.parametrize("path", ["/suppressions", "/erasures", "/subject-exports"])
@pytest.mark.parametrize(
    "who",
    [
        pytest.param({}, id="nobody"),
        pytest.param({"phone": PHONE, "user_id": USER_ID}, id="both"),
        pytest.param({"phone": "anonymous"}, id="no phone"),
        pytest.param({"user_id": PHONE}, id="a phone as a user id"),
        pytest.param({"user_id": "Kim Lee"}, id="a name as a user id"),
    ],
)
async def test_exactly_one_customer_is_named(world: World, path: str, who: dict[str, str]) -> None:
    account_id = await an_account(world, "SA")

    (problem,) = await problems(world, "POST", path, {"account_id": account_id, "reason": "asked", **who})

    assert problem["field"] in {"phone", "user_id"}
    assert not any(value in problem["problem"] for value in who.values())


@pytest.mark.parametrize("path", ["/erasures", "/subject-exports"])
@pytest.mark.parametrize("known", [[], [MOBILE, AT_HOME]], ids=["known neither", "known both"])
async def test_nobody_is_erased_or_exported_by_a_number_that_may_be_anothers(
    world: World, path: str, known: list[str]
) -> None:
    account_id = await an_account(world, "DE", *known)

    (problem,) = await problems(world, "POST", path, {"account_id": account_id, "reason": "asked", "phone": DIGITS})

    assert problem["field"] == "phone"
    assert "another person" in problem["problem"]


async def test_a_customer_without_a_phone_is_found_exported_and_erased(world: World) -> None:
    account_id = await an_account(world, "SA", USER_ID)
    await records_about(world, await a_subject(world, account_id, USER_ID), account_id, 2)
    await blocked(world, account_id, {"user_id": USER_ID})
    query = {"account_id": account_id, "user_id": USER_ID}

    listed = await world.ok("GET", "/suppressions", params=query)
    records = await world.ok("GET", "/events", params=query)
    export = await world.ok("POST", "/subject-exports", {**query, "reason": "asked by letter"})
    erased = await world.ok("POST", "/erasures", {**query, "reason": "asked by letter"})

    assert (len(listed["items"]), len(records["items"])) == (1, 2)
    assert (export["phone"], export["user_id"]) == (None, USER_ID)
    assert (len(export["windows"]), len(export["suppressions"]), len(export["records"])) == (1, 1, 2)
    assert (erased["removed"]["windows"], erased["removed"]["records"]) == (1, 2)


@pytest.mark.parametrize("path", ["/suppressions", "/events"])
async def test_a_plus_that_a_query_lost_is_a_plus(world: World, path: str) -> None:
    account_id = await an_account(world, "DE", AT_HOME)
    await records_about(world, await a_subject(world, account_id, MOBILE), account_id, 1)
    await blocked(world, account_id, {"phone": MOBILE})

    page = await world.ok("GET", f"{path}?account_id={account_id}&phone=+{MOBILE[1:]}")

    assert len(page["items"]) == 1


@pytest.mark.parametrize("path", ["/suppressions", "/events"])
@pytest.mark.parametrize("who", [{"phone": PHONE}, {"user_id": USER_ID}], ids=["phone", "user id"])
async def test_a_customer_is_searched_within_one_account(world: World, path: str, who: dict[str, str]) -> None:
    response = await world.call("GET", path, params=who)

    assert (response.status, (await response.json())["details"]["errors"][0]["field"]) == (422, "account_id")
