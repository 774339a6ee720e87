"""Under a legal hold nobody is erased, and who may begin or end one."""

from libs.contracts.events import (
    ErasureRefused,
    LegalHoldChanged,
)
from services.console.domain.principals import Principal, Role
from tests.unit.console.erasures import asked, somebody, told
from tests.unit.console.world import PHONE, World


async def test_under_a_legal_hold_nobody_is_erased_and_the_wish_is_recorded(world: World) -> None:
    account_id = await somebody(world)
    await world.ok("PATCH", f"/accounts/{account_id}", {"legal_hold": True})

    response = await world.call("POST", "/erasures", json=asked(account_id))

    (refused,) = told(world, ErasureRefused)
    assert (response.status, (await response.json())["error"]) == (409, "conflict")
    assert (refused.code, refused.account_id, refused.actor) == ("legal_hold", account_id, "admin")
    assert PHONE not in refused.model_dump_json()
    assert len((await world.ok("POST", "/subject-exports", asked(account_id)))["records"]) == 3
    await world.ok("PATCH", f"/accounts/{account_id}", {"legal_hold": False})
    assert (await world.ok("POST", "/erasures", asked(account_id)))["status"] == "finished"


async def test_a_hold_that_begins_or_ends_is_told_besides_the_change(world: World) -> None:
    account_id = (await world.account())["id"]

    for held in (True, True, False):
        await world.ok("PATCH", f"/accounts/{account_id}", {"legal_hold": held})
    await world.ok("PATCH", f"/accounts/{account_id}", {"paused": True})

    assert [event.held for event in told(world, LegalHoldChanged)] == [True, False]


async def test_an_operator_cannot_begin_or_end_a_hold(world: World) -> None:
    account_id = (await world.account())["id"]
    world.tokens.held["operator"] = Principal("op", Role.OPERATOR)

    response = await world.call("PATCH", f"/accounts/{account_id}", json={"legal_hold": True}, token="operator")

    assert response.status == 403
