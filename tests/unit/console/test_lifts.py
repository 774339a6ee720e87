"""An operator lifts what is known of a customer; the customer's own word counts in a tie and when it arrives late."""

from datetime import timedelta
from typing import Any

import pytest

from libs.contracts.events import SuppressionLifted
from libs.contracts.identity import Pseudonyms
from libs.store.conversations import Suppression, SuppressionKind
from tests.unit.console.world import KEY, NOON, PHONE, World

USER = "SA.77x"
REASON = {"reason": "The customer asked for it on the phone today"}


def key_of(account_id: str, value: str = PHONE) -> str:
    return Pseudonyms(KEY.encode()).customer_key(account_id, value)


def a_stop(account_id: str, suppression_id: str = "sup_1", **fields: Any) -> Suppression:
    given: dict[str, Any] = {
        "customer_key": key_of(account_id),
        "masked_phone": "+9665•••••678",
        "kind": SuppressionKind.OPT_OUT,
        "source": "keyword",
        "reason": None,
        "actor": None,
        "since": NOON - timedelta(hours=1),
    }
    return Suppression(id=suppression_id, account_id=account_id, **(given | fields))


async def standing(world: World, account_id: str, *values: str) -> set[SuppressionKind]:
    keys = [key_of(account_id, value) for value in values or (PHONE, USER)]
    return set(await world.store.suppressions.standing(account_id, keys))


def lifts(world: World) -> list[SuppressionLifted]:
    return [event for event in world.broker.events if isinstance(event, SuppressionLifted)]


async def test_a_lift_covers_every_key_of_the_customer_and_is_told_once(world: World) -> None:
    account_id = (await world.account())["id"]
    await world.store.identities.link(account_id, [key_of(account_id), key_of(account_id, USER)], NOON)
    await world.store.suppressions.suppress(a_stop(account_id), [])
    copy = a_stop(account_id, "sup_2", customer_key=key_of(account_id, USER))
    await world.store.suppressions.suppress(copy, [])

    lifted = await world.ok("DELETE", "/suppressions/sup_1", params=REASON)

    assert (lifted["id"], lifted["active"]) == ("sup_1", False)
    assert await standing(world, account_id) == set()
    assert [event.suppression_id for event in lifts(world)] == ["sup_1"]


@pytest.mark.parametrize("value", [PHONE, USER])
async def test_a_customer_who_opts_out_in_the_second_of_the_lift_stays_opted_out(world: World, value: str) -> None:
    account_id = (await world.account())["id"]
    await world.store.identities.link(account_id, [key_of(account_id), key_of(account_id, USER)], NOON)
    await world.store.suppressions.suppress(a_stop(account_id), [])
    again = a_stop(account_id, "sup_2", customer_key=key_of(account_id, value), since=NOON)
    await world.store.suppressions.suppress(again, [])
    world.clock.pass_by(seconds=0.7)

    response = await world.call("DELETE", "/suppressions/sup_1", params=REASON)
    body = await response.json()
    in_the_tie = await standing(world, account_id)
    world.clock.pass_by(seconds=1)
    await world.ok("DELETE", "/suppressions/sup_1", params=REASON)

    assert (response.status, body["error"]) == (409, "conflict")
    assert in_the_tie == {SuppressionKind.OPT_OUT}
    assert await standing(world, account_id) == set()
    assert len(lifts(world)) == 1


async def test_an_operator_lifts_a_block_in_the_second_in_which_it_was_made(world: World) -> None:
    account_id = (await world.account())["id"]
    made = await world.ok("POST", "/suppressions", {"account_id": account_id, "phone": PHONE, "reason": "a mistake"})

    assert (await world.ok("DELETE", f"/suppressions/{made['id']}"))["active"] is False


async def test_an_opt_out_from_before_the_lift_counts_when_it_arrives_after_it(world: World) -> None:
    account_id = (await world.account())["id"]
    await world.store.suppressions.suppress(a_stop(account_id), [])
    await world.ok("DELETE", "/suppressions/sup_1", params=REASON)

    await world.store.suppressions.suppress(a_stop(account_id, since=NOON - timedelta(hours=1)), [])
    repeated = await standing(world, account_id)
    await world.store.suppressions.suppress(a_stop(account_id, "sup_2", since=NOON - timedelta(minutes=5)), [])

    assert repeated == set()
    assert await standing(world, account_id) == {SuppressionKind.OPT_OUT}
