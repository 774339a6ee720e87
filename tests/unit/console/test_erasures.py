"""Erasing somebody, handing out what is held of them, and the legal hold that stands against the first."""

import base64
import json
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.subscriptions import DeadLettered
from libs.contracts.errors import GatewayError, unavailable
from libs.contracts.events import (
    ErasureRefused,
    LegalHoldChanged,
    SubjectErased,
    SubjectExported,
    SuppressionLifted,
    WhatsAppPostSetAside,
)
from libs.contracts.identity import Pseudonyms
from libs.store.contacts import Contact, sealed_contact
from libs.store.conversations import SuppressionKind
from libs.store.customer_links import Relation
from libs.store.dead_letters import DeadLetter
from libs.store.erasures import Erasure
from libs.store.posts import post_sealer_from
from libs.store.store import Store
from libs.store.verification import verify
from services.console.app.dead_letters import store_dead_letter_from
from services.console.app.subjects import erasure_from
from services.console.domain.principals import Principal, Role
from tests.contract.store.builders import a_claim
from tests.unit.console.subjects import WAMID, a_subject, customer_key, records_about
from tests.unit.console.world import KEY, NOON, PHONE, POST_KEYS, World, a_world, settings
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
    assert kept.customer_key == (await world.deps.do_not_contact.newest([customer_key(account_id)]))[0]


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
    keep = store_dead_letter_from(settings(), world.deps)
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


@pytest.mark.parametrize(
    ("body", "at", "kept"),
    [
        pytest.param({"payload": {"from": "0512 345 678"}}, None, False, id="a phone"),
        pytest.param({"customer": PHONE}, None, False, id="a canonical phone"),
        pytest.param({"customer_key": "theirs"}, None, False, id="a customer key"),
        pytest.param({"customer": PHONE}, NOON + timedelta(days=1), True, id="what they do afterwards"),
        pytest.param({"customer": PHONE, "sent_at": NOON.isoformat()}, NOON + timedelta(days=1), False, id="told late"),
        pytest.param({"customer": ELSE}, None, True, id="another person"),
    ],
)
async def test_a_dead_letter_that_arrives_after_the_erasure_is_not_stored(
    world: World, body: dict[str, Any], at: datetime | None, *, kept: bool
) -> None:
    account_id = await somebody(world, records=0)
    await world.ok("POST", "/erasures", asked(account_id))
    body = body | ({"customer_key": customer_key(account_id)} if "customer_key" in body else {})
    letter = a_letter(1, body, account_id)
    packed = json.loads(letter.serialized) | {"headers": {"x-at": int((at or NOON).timestamp() * 1_000_000)}}

    keep = store_dead_letter_from(settings(), world.deps)
    await keep(replace(letter, died_at=NOON + timedelta(days=2), serialized=json.dumps(packed)))

    assert bool((await world.ok("GET", "/dead-letters"))["items"]) is kept


async def test_a_dead_letter_that_arrives_while_its_person_is_erased_is_removed_again(world: World) -> None:
    """The erasure looks for dead letters just before this one is stored."""
    account_id = await somebody(world, records=0)
    keep = store_dead_letter_from(settings(), world.deps)

    class ErasesFirst:
        async def add(self, letter: DeadLetter) -> None:
            await world.ok("POST", "/erasures", asked(account_id))
            await world.store.dead_letters.add(letter)

        remove = staticmethod(world.store.dead_letters.remove)

    await replace(keep, store=ErasesFirst())(a_letter(1, {"customer": PHONE}, account_id))  # type: ignore[arg-type]  # what is used

    assert (await world.ok("GET", "/dead-letters"))["items"] == []


def a_post(number: int, body: bytes, account_id: str | None) -> DeadLettered:
    """The dead letter of a provider's post that ingress could not read."""
    id_ = UUID(int=900 + number)
    event = WhatsAppPostSetAside(
        account_id=account_id,
        endpoint="whatsapp",
        arrived_at=NOON,
        sealed=post_sealer_from(POST_KEYS).seal(body, id_),
    )
    packed = {"body": base64.b64encode(event.model_dump_json().encode()).decode(), "message_id": str(id_)}
    letter = a_letter(number, {}, account_id or "")
    return replace(letter, queue="ingress.posts", account_id=account_id, serialized=json.dumps(packed))


DIGITS = PHONE.removeprefix("+")
POSTS_ABOUT_THE_PERSON: dict[str, bytes] = {
    "a message": json.dumps({"messages": [{"from": DIGITS}]}).encode(),
    "an address of WhatsApp": json.dumps({"key": {"remoteJid": f"{DIGITS}@s.whatsapp.net"}}).encode(),
    "an address of a linked device": json.dumps({"key": {"remoteJid": f"{DIGITS}:12@s.whatsapp.net"}}).encode(),
    "a number with blanks": json.dumps({"text": f"+{DIGITS[:3]} {DIGITS[3:5]} {DIGITS[5:]}"}).encode(),
    "a body that breaks off": f'{{"messages":[{{"from":"{DIGITS}","te'.encode(),
    "bytes that are no text": b"\xff\x00" + f'"from":"{DIGITS}"'.encode(),
}


@pytest.mark.parametrize("owned", [True, False], ids=["of the account", "of no account"])
@pytest.mark.parametrize("body", POSTS_ABOUT_THE_PERSON.values(), ids=POSTS_ABOUT_THE_PERSON)
async def test_posts_that_could_not_be_read_are_found_by_what_they_say(
    world: World, body: bytes, *, owned: bool
) -> None:
    account_id = await somebody(world, records=0)
    keep = store_dead_letter_from(settings(), world.deps)
    await keep(a_post(1, body, account_id if owned else None))
    await keep(a_post(2, body.replace(DIGITS[-3:].encode(), b"999"), account_id if owned else None))
    await keep(a_post(3, body, "acc_of_others"))

    exported = await world.ok("POST", "/subject-exports", asked(account_id))
    erased = await world.ok("POST", "/erasures", asked(account_id))

    left = {letter["id"] for letter in (await world.ok("GET", "/dead-letters"))["items"]}
    assert exported["dead_letters"] == [f"dlt_{1:032x}"]
    assert erased["removed"]["dead_letters"] == 1
    assert left == {f"dlt_{2:032x}", f"dlt_{3:032x}"}


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
        do_not_contact=await world.deps.do_not_contact.newest([customer_key(account_id)]),
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


@pytest.mark.parametrize("part", ["", "-subjects"])
async def test_an_erasure_is_not_finished_before_the_key_is_out_of_the_files(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    account_id = await somebody(world)
    monkeypatch.setattr("libs.store.sqlite.database.TRUNCATE_SECONDS", 0.0)
    reader = sqlite3.connect(tmp_path / f"gateway{part}.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    response = await world.call("POST", "/erasures", json=asked(account_id))
    reader.close()
    await _erase(world, world.store).resume()

    assert (response.status, (await response.json())["status"]) == (202, "under_way")
    assert len(told(world, SubjectErased)) == 1
    assert list(await world.store.erasures.unfinished(9)) == []
    assert customer_key(account_id).encode() not in bytes_in(tmp_path)


async def test_an_erasure_that_was_cut_off_at_its_very_end_is_finished_without_being_told_again(
    world: World, tmp_path: Path
) -> None:
    account_id = await somebody(world)
    erased = await world.ok("POST", "/erasures", asked(account_id))
    job = Erasure(
        id=erased["id"],
        account_id=account_id,
        customer_keys=(),
        do_not_contact=(),
        pseudonyms=(),
        reason="",
        actor="admin",
        asked_at=NOON,
    )
    await world.store.erasures.add(job)

    await _erase(world, world.store).resume()

    assert list(await world.store.erasures.unfinished(9)) == []
    assert len(told(world, SubjectErased)) == 1


async def test_an_erasure_cancels_what_waits_and_waits_for_a_call_that_is_in_progress(world: World) -> None:
    account_id = await somebody(world)
    claim = a_claim("event-1", account_id=account_id, customer_key=customer_key(account_id), now=NOON)
    await world.store.ledger.claim(claim)

    response = await world.call("POST", "/erasures", json=asked(account_id))
    plain = await world.store.erased_customers.erased_at(account_id, [customer_key(account_id)])
    marked = await world.deps.erased_customers.erased_at(account_id, [customer_key(account_id)])
    await world.store.ledger.finish("event-1", b"{}", now=NOON, message_id=WAMID)
    world.clock.pass_by(seconds=15)
    await _erase(world, world.store).resume()
    found = await world.store.personal_data.find(account_id, [customer_key(account_id)])

    assert (response.status, (await response.json())["status"], marked) == (202, "under_way", NOON)
    assert plain is None  # the marker leads to nobody without the do-not-contact key
    assert len(told(world, SubjectErased)) == 1
    assert list(found.messages) == []
    marked = await world.deps.erased_customers.erased_at(account_id, [customer_key(account_id)])
    assert marked == NOON + timedelta(seconds=15)


@pytest.mark.parametrize("owned", [True, False], ids=["of the account", "of no account"])
async def test_a_post_that_arrives_after_the_erasure_is_not_stored(world: World, *, owned: bool) -> None:
    account_id = await somebody(world, records=0)
    await world.ok("POST", "/erasures", asked(account_id))
    keep, body = store_dead_letter_from(settings(), world.deps), POSTS_ABOUT_THE_PERSON["a message"]

    await keep(a_post(1, body, account_id if owned else None))
    await keep(a_post(2, body.replace(DIGITS[-3:].encode(), b"999"), account_id if owned else None))

    assert [letter["id"] for letter in (await world.ok("GET", "/dead-letters"))["items"]] == [f"dlt_{2:032x}"]


async def test_markers_of_erased_customers_are_forgotten(world: World) -> None:
    account_id = await somebody(world)
    await world.ok("POST", "/erasures", asked(account_id))
    world.clock.now += timedelta(days=8, seconds=1)

    await _erase(world, world.store).resume()

    assert await world.deps.erased_customers.erased_at(account_id, [customer_key(account_id)]) is None


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


BRAZILIAN, BRAZILIAN_DIGITS = "+5511987654321", "551187654321"


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
