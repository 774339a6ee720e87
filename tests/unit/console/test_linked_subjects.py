"""A person with several identities is exported, erased and blocked as one, by whichever is named."""

from typing import Any

import pytest

from libs.contracts.identity import Pseudonyms
from libs.store.conversations import SuppressionKind
from tests.unit.console.erasures import BRAZILIAN, BRAZILIAN_DIGITS, a_linked_person, asked
from tests.unit.console.world import KEY, World


@pytest.mark.parametrize(
    "named", [{"phone": BRAZILIAN}, {"phone": f"+{BRAZILIAN_DIGITS}"}, {"phone": None, "user_id": "BR.900000001"}]
)
async def test_an_export_and_an_erasure_find_every_identity_of_a_person_by_any_of_them(
    world: World, named: dict[str, Any]
) -> None:
    account_id, by_user_id = await a_linked_person(world)
    asks = {name: value for name, value in asked(account_id, **named).items() if value is not None}

    export = await world.ok("POST", "/subject-exports", asks)
    erased = await world.ok("POST", "/erasures", asks)

    address = {"phone": BRAZILIAN, "wa_id": BRAZILIAN_DIGITS, "user_id": "BR.900000001", "parent_user_id": None}
    assert (export["addresses"], len(export["windows"])) == ([address], 1)
    assert (erased["removed"]["windows"], erased["removed"]["links"]) == (1, 2)
    assert await world.store.customer_links.find(account_id, [by_user_id]) == []


async def test_a_block_of_the_user_id_is_a_block_of_the_phone_and_is_lifted_for_both(world: World) -> None:
    account_id, _ = await a_linked_person(world)
    key = Pseudonyms(KEY.encode()).customer_key(account_id, BRAZILIAN)
    body = {"account_id": account_id, "user_id": "BR.900000001", "reason": "asked"}

    made = await world.ok("POST", "/suppressions", body)
    standing = await world.store.suppressions.standing(account_id, [key])
    listed = await world.ok("GET", f"/suppressions?account_id={account_id}&phone=%2B{BRAZILIAN_DIGITS}")
    await world.ok("DELETE", f"/suppressions/{made['id']}?reason=asked")

    assert standing == {SuppressionKind.BLOCKED}
    assert [row["id"] for row in listed["items"]] == [made["id"]]
    assert await world.store.suppressions.standing(account_id, [key]) == frozenset()
