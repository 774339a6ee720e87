"""Erasing somebody: nothing leads to them any more, and their protection stays."""

from datetime import timedelta
from pathlib import Path

from libs.contracts.events import (
    SubjectErased,
    SuppressionLifted,
)
from services.console.domain.principals import Principal, Role
from tests.unit.console.erasures import ELSE, asked, bytes_in, erase, somebody, told, verified
from tests.unit.console.subjects import WAMID, a_subject, customer_key, records_about
from tests.unit.console.world import PHONE, World


async def test_nothing_leads_to_somebody_who_was_erased(world: World, tmp_path: Path) -> None:
    account_id = await somebody(world)
    before = await verified(world)

    erased = await world.ok("POST", "/erasures", asked(account_id))

    left = bytes_in(tmp_path)
    traces = [customer_key(account_id), PHONE, PHONE[1:], "+9665•••••678", WAMID]
    assert erased["status"] == "finished"
    assert erased["removed"]["records"] == 3
    assert erased["removed"]["keys"] == erased["removed"]["windows"] == 1
    assert (before, await verified(world)) == (True, True)
    assert [trace for trace in traces if trace.encode() in left] == []


async def test_an_erasure_is_told_once_and_names_pseudonyms_alone(world: World) -> None:
    account_id = await somebody(world)
    pseudonym = (await a_subject(world, account_id)).pseudonym

    erased = await world.ok("POST", "/erasures", asked(account_id))

    (event,) = told(world, SubjectErased)
    assert (event.erasure_id, event.pseudonyms, event.reason) == (erased["id"], (pseudonym,), "asked by letter")
    assert (event.actor, event.removed) == ("admin", erased["removed"])
    assert PHONE not in event.model_dump_json()
    assert "•" not in event.model_dump_json()


async def test_erasing_somebody_again_or_somebody_unknown_does_no_harm(world: World) -> None:
    account_id = await somebody(world)
    await world.ok("POST", "/erasures", asked(account_id))

    again = await world.ok("POST", "/erasures", asked(account_id))
    unknown = await world.ok("POST", "/erasures", asked(account_id, ELSE))

    for erased in (again, unknown):
        assert (erased["status"], set(erased["removed"].values()), erased["pseudonyms"]) == ("finished", {0}, [])
    assert len(told(world, SubjectErased)) == 3


async def test_others_are_found_as_before(world: World) -> None:
    account_id = await somebody(world)
    await records_about(world, await a_subject(world, account_id, ELSE), account_id, start=50)

    await world.ok("POST", "/erasures", asked(account_id))

    (item,) = (await world.ok("GET", f"/events?account_id={account_id}&phone=0512345679"))["items"]
    assert (item["masked_phone"], item["details"]["message_id"]) == ("+9665•••••678", WAMID)


async def test_somebody_erased_who_was_blocked_stays_blocked_and_shows_no_mask(world: World) -> None:
    account_id = await somebody(world)

    await world.ok("POST", "/erasures", asked(account_id))

    (row,) = (await world.ok("GET", f"/suppressions?account_id={account_id}"))["items"]
    kept = await world.store.suppressions.get(row["id"])
    await world.ok("DELETE", f"/suppressions/{row['id']}")
    lifted = world.broker.events[-1]
    assert isinstance(lifted, SuppressionLifted)
    assert lifted.customer_key is None
    assert (row["masked_phone"], row["source"], row["reason"], row["actor"]) == ("", "erasure", None, None)
    assert kept is not None
    assert kept.customer_key == (await world.deps.do_not_contact.newest([customer_key(account_id)]))[0]


async def test_markers_of_erased_customers_are_forgotten(world: World) -> None:
    account_id = await somebody(world)
    await world.ok("POST", "/erasures", asked(account_id))
    world.clock.now += timedelta(days=8, seconds=1)

    await erase(world, world.store).resume()

    assert await world.deps.erased_customers.erased_at(account_id, [customer_key(account_id)]) is None


async def test_a_token_reaches_nobody_of_other_accounts(world: World) -> None:
    account_id = await somebody(world)
    world.tokens.held["scoped"] = Principal("adm", Role.ADMIN, frozenset({"acc_other"}))

    for path in ("/erasures", "/subject-exports"):
        response = await world.call("POST", path, json=asked(account_id), token="scoped")
        assert response.status == 422
    assert (await world.ok("POST", "/subject-exports", asked(account_id)))["records"] != []
