"""Dead letters about somebody who is erased go, however they name the person and whenever they arrive."""

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.subscriptions import DeadLettered
from libs.contracts.events import (
    WhatsAppPostSetAside,
)
from libs.store.dead_letters import DeadLetter
from libs.store.posts import post_sealer_from
from services.console.app.dead_letters import store_dead_letter_from
from tests.unit.console.erasures import ELSE, asked, somebody
from tests.unit.console.subjects import customer_key
from tests.unit.console.world import NOON, PHONE, POST_KEYS, World, settings


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


@pytest.mark.parametrize("owned", [True, False], ids=["of the account", "of no account"])
async def test_a_post_that_arrives_after_the_erasure_is_not_stored(world: World, *, owned: bool) -> None:
    account_id = await somebody(world, records=0)
    await world.ok("POST", "/erasures", asked(account_id))
    keep, body = store_dead_letter_from(settings(), world.deps), POSTS_ABOUT_THE_PERSON["a message"]

    await keep(a_post(1, body, account_id if owned else None))
    await keep(a_post(2, body.replace(DIGITS[-3:].encode(), b"999"), account_id if owned else None))

    assert [letter["id"] for letter in (await world.ok("GET", "/dead-letters"))["items"]] == [f"dlt_{2:032x}"]
