"""Erasing somebody, handing out what is held of them, and the legal hold that stands against the first."""

import base64
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.subscriptions import DeadLettered
from libs.contracts.errors import GatewayError, unavailable
from libs.contracts.events import ErasureRefused, LegalHoldChanged, SubjectErased, SubjectExported, SuppressionLifted
from libs.contracts.identity import Pseudonyms
from libs.store.erasures import Erasure
from libs.store.store import Store
from libs.store.verification import verify
from services.console.app.wiring import erasure_from
from services.console.domain.principals import Principal, Role
from services.console.handlers.dead_letters import StoreDeadLetter
from tests.unit.console.subjects import WAMID, a_subject, customer_key, records_about
from tests.unit.console.world import KEY, NOON, PHONE, World, a_world, settings
from tests.unit.record.chains import KEYS

ELSE = "+966512345679"


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


async def verified(world: World) -> bool:
    return (await verify(world.store.chains, world.store.checkpoints, keys=KEYS)).ok


def told(world: World, kind: type[Any]) -> list[Any]:
    return [event for event in world.broker.events if isinstance(event, kind)]


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


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
    assert kept.customer_key == Pseudonyms(KEY.encode()).do_not_contact_hash(customer_key(account_id))


def a_letter(number: int, body: dict[str, Any], account_id: str) -> DeadLettered:
    packed = json.dumps({"body": base64.b64encode(json.dumps(body).encode()).decode()})
    return DeadLettered(
        id=f"dlt_{number:032x}",
        queue="policy.webhooks",
        reason="x",
        name="webhook.received",
        message_id=str(UUID(int=900 + number)),
        account_id=account_id,
        integration_id=None,
        attempts=1,
        died_at=NOON,
        serialized=packed,
    )


async def test_dead_letters_about_the_person_go_however_the_phone_is_written(world: World) -> None:
    account_id = await somebody(world, records=0)
    keep = StoreDeadLetter(world.store.dead_letters, world.sealer, NOON - NOON.replace(day=1))
    bodies: list[dict[str, Any]] = [
        {"payload": {"from": "0512 345 678", "text": "Hello"}},
        {"customer": PHONE},
        {"customer_key": customer_key(account_id)},
        {"customer": ELSE},
    ]
    for number, body in enumerate(bodies):
        await keep(a_letter(number, body, account_id))

    erased = await world.ok("POST", "/erasures", asked(account_id))

    left = (await world.ok("GET", "/dead-letters"))["items"]
    assert erased["removed"]["dead_letters"] == 3
    assert [letter["id"] for letter in left] == [f"dlt_{3:032x}"]


# ---------------------------------------------------------------- what is left half done


@dataclass
class Dying:
    """A port that lets so many calls through, and then fails as a store does that cannot be reached."""

    port: Any
    calls_left: list[int]

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.port, name)

        async def call(*args: Any, **named: Any) -> Any:
            if not self.calls_left[0]:
                raise unavailable("store")
            self.calls_left[0] -= 1
            return await real(*args, **named)

        return call


@pytest.mark.parametrize("steps", range(6))
async def test_an_erasure_that_dies_between_any_two_steps_is_finished_by_the_next_look(
    world: World, tmp_path: Path, steps: int
) -> None:
    account_id = await somebody(world)
    store, left = world.store, [steps]
    dying: dict[str, Any] = {
        name: Dying(getattr(store, name), left) for name in ("personal_data", "subjects", "erasures", "records")
    }
    job = Erasure(
        id="era_1",
        account_id=account_id,
        customer_keys=(customer_key(account_id),),
        do_not_contact=(Pseudonyms(KEY.encode()).do_not_contact_hash(customer_key(account_id)),),
        pseudonyms=((await a_subject(world, account_id)).pseudonym,),
        reason="asked",
        actor="admin",
        asked_at=NOON,
    )
    await store.erasures.add(job)

    with suppress(GatewayError):
        await _erase(world, replace(store, **dying)).resume()
    await _erase(world, store).resume()

    assert list(await store.erasures.unfinished(9)) == []
    assert len(told(world, SubjectErased)) == 1
    assert customer_key(account_id).encode() not in bytes_in(tmp_path)
    assert await verified(world)


def _erase(world: World, store: Store) -> Any:
    return erasure_from(settings(), replace(world.deps, store=store))


async def test_an_erasure_that_cannot_be_finished_now_is_accepted_and_goes_on(tmp_path: Path) -> None:
    left = [0]

    def with_dying_keys(store: Store) -> Store:
        return replace(store, personal_data=Dying(store.personal_data, left))

    async with a_world(tmp_path, with_dying_keys) as world:
        account_id = await somebody(world)
        response = await world.call("POST", "/erasures", json=asked(account_id))
        body = await response.json()
        left[0] = 99
        await _erase(world, world.store).resume()

        assert (response.status, body["status"], body["removed"]) == (202, "under_way", {})
        assert [event.erasure_id for event in told(world, SubjectErased)] == [body["id"]]


# ---------------------------------------------------------------- the legal hold


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


# ---------------------------------------------------------------- what is held of somebody


async def test_all_that_is_held_of_somebody_is_handed_out_and_that_is_told(world: World) -> None:
    account_id = await somebody(world)

    export = await world.ok("POST", "/subject-exports", asked(account_id))

    (event,) = told(world, SubjectExported)
    assert (export["phone"], len(export["windows"]), len(export["records"])) == (PHONE, 1, 3)
    assert [(row["kind"], row["reason"]) for row in export["suppressions"]] == [("blocked", "asked us")]
    assert {record["masked_phone"] for record in export["records"]} == {"+9665•••••678"}
    assert (event.records, event.pseudonyms) == (3, tuple(export["pseudonyms"]))
    assert PHONE not in event.model_dump_json()


async def test_of_somebody_erased_nothing_is_handed_out_but_that_they_are_not_to_be_messaged(world: World) -> None:
    account_id = await somebody(world)
    await world.ok("POST", "/erasures", asked(account_id))

    export = await world.ok("POST", "/subject-exports", asked(account_id))

    empty = {name: export[name] for name in ("pseudonyms", "windows", "suppressions", "messages", "records")}
    assert set(map(len, empty.values())) == {0}
    assert export["do_not_contact"] == ["blocked"]


async def test_a_token_reaches_nobody_of_other_accounts(world: World) -> None:
    account_id = await somebody(world)
    world.tokens.held["scoped"] = Principal("adm", Role.ADMIN, frozenset({"acc_other"}))

    for path in ("/erasures", "/subject-exports"):
        response = await world.call("POST", path, json=asked(account_id), token="scoped")
        assert response.status == 422
    assert (await world.ok("POST", "/subject-exports", asked(account_id)))["records"] != []
