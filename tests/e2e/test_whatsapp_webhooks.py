"""WhatsApp's webhooks: late, repeated, reordered, batched and early statuses and messages."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.driver import MARK, Gateway, Integration, outbound
from tests.e2e.raw import post
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, FaultStep, Match
from tools.simulator.status_payloads import status_changes, status_from
from tools.simulator.webhook_payloads import Inbound, envelope_from

pytestmark = pytest.mark.asyncio(loop_scope="session")

IN_ORDER = ("sent", "delivered", "read")
AS_USUAL: dict[str, Any] = {"modes": [], "kinds": list(IN_ORDER), "delays": [0.05, 0.15, 0.4]}


@asynccontextmanager
async def statuses(gateway: Gateway, **plan: Any) -> AsyncIterator[None]:
    """WhatsApp reports statuses like this for a while."""
    await gateway.whatsapp.configure(statuses=plan)
    try:
        yield
    finally:
        await gateway.whatsapp.configure(statuses=AS_USUAL)


@asynccontextmanager
async def going_wrong(
    gateway: Gateway, integration: Integration, fault: Fault, *, times: int = 1
) -> AsyncIterator[None]:
    """Sends from the line's number go wrong like this."""
    await gateway.whatsapp.script(FaultStep(match=Match(phone_number_id=integration.number, times=times), fault=fault))
    try:
        yield
    finally:
        await gateway.whatsapp.clear_script()


async def moved(gateway: Gateway, event_id: str) -> list[str]:
    """The statuses on record for a message, oldest first."""
    found = await gateway.records(event_id=event_id, type="message.status_updated")
    return [record["details"]["status"] for record in reversed(found)]


async def until_moved(gateway: Gateway, event_id: str, status: str) -> list[str]:
    """Wait for a status on record, and a little for what must not follow."""

    async def there() -> bool:
        return status in await moved(gateway, event_id)

    await eventually(there)
    await gateway.whatsapp.stats()
    return await moved(gateway, event_id)


async def test_a_part_that_cannot_be_read_is_a_dead_letter_and_its_neighbour_is_taken(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    readable = {
        "from": "966512340999",
        "id": f"wamid.{uuid4().hex}",
        "timestamp": str(int(time.time())),
        "type": "text",
    }
    undated = readable | {"id": f"wamid.{uuid4().hex}", "timestamp": "soon", "text": {"body": f"{MARK} one"}}
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": integration.number},
        "messages": [undated, readable | {"text": {"body": f"{MARK} two"}}],
    }
    body = json.dumps({"entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]}).encode()
    key = gateway.stack.secrets["GATEWAY_WHATSAPP_APP_SECRET"].encode()
    signature = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()

    async def letters() -> list[dict[str, Any]]:
        page = await gateway.done("GET", "/dead-letters", account_id=integration.account_id, status="waiting")
        return list(page["items"])

    head = [("Content-Type", "application/json"), ("X-Hub-Signature-256", signature)]
    answer = await post(gateway.url("/integrations/whatsapp/webhook"), head, body)
    [letter] = await eventually(letters)
    await gateway.wait_for_records(1, account_id=integration.account_id, type="whatsapp.message_received")
    await gateway.done("POST", f"/dead-letters/{letter['id']}/replay")
    [again] = await eventually(letters)  # it still cannot be read

    assert answer.status == 200
    assert (letter["queue"], letter["reason"]) == ("ingress.posts", "unreadable_post")
    assert MARK not in str(letter)
    assert (again["message_id"], again["id"] != letter["id"]) == (letter["message_id"], True)
    assert len(await gateway.records(account_id=integration.account_id, type="whatsapp.message_received")) == 1


@pytest.mark.parametrize(
    "modes",
    [
        pytest.param([], id="in their order"),
        pytest.param(["late"], id="late"),
        pytest.param(["doubled"], id="doubled"),
        pytest.param(["reversed"], id="reversed"),
        pytest.param(["batched"], id="batched"),
        pytest.param(["early"], id="before the answer"),
        pytest.param(["doubled", "reversed", "batched"], id="all at once"),
        pytest.param(["early", "doubled"], id="before the answer, doubled"),
    ],
)
async def test_statuses_in_any_order_take_effect_once_and_never_move_back(gateway: Gateway, modes: list[str]) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)

    async with statuses(gateway, modes=modes, late_seconds=1.0):
        answer = await gateway.reply(integration, customer)
        found = await until_moved(gateway, answer.event_id, "read")

    assert answer.result == "sent"
    assert set(found) <= set(IN_ORDER), "no other status"
    assert len(found) == len(set(found)), "each once"
    assert await gateway.records(event_id=answer.event_id, type="message.settled") == []


async def test_a_status_that_comes_too_late_changes_nothing(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    async with statuses(gateway, kinds=["read"]):
        answer = await gateway.reply(integration, customer)
        await until_moved(gateway, answer.event_id, "read")
    [message] = await gateway.whatsapp.messages(phone_number_id=integration.number)

    async def taken() -> float:
        return await gateway.metric("sender", "gateway_message_statuses_total", status="delivered", effect="repeated")

    before = await taken()
    now, callback = int(time.time()), message.callback
    late = status_from("delivered", wamid=message.id, to=message.to, timestamp=now, callback=callback)
    await gateway.whatsapp.webhook(envelope_from(status_changes([(integration.number, late)])))

    async def taken_in() -> bool:
        return await taken() > before

    await eventually(taken_in)
    assert await moved(gateway, answer.event_id) == ["read"]


async def test_an_unknown_outcome_is_resolved_by_its_status(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)

    async with statuses(gateway, delays=[1.0]), going_wrong(gateway, integration, Fault(kind="drop_after")):
        answer = await gateway.reply(integration, customer)
        [settled] = await gateway.wait_for_records(1, event_id=answer.event_id, type="message.settled")

    assert (answer.result, answer.details["outcome"]) == ("gateway_send_failed", "unknown")
    assert settled["details"]["outcome"] == "sent"
    shown = await gateway.status(integration, answer.event_id)
    assert (shown.result, shown.details["settled"]["outcome"]) == ("gateway_send_failed", "sent")
    assert len(await gateway.whatsapp.messages(phone_number_id=integration.number)) == 1
    assert len(await gateway.records(event_id=answer.event_id, type="webhook.answered")) == 1


async def test_a_status_that_arrives_before_a_lost_answer_gives_the_answer(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    slow = Fault(kind="hang", accepted=True)

    async with statuses(gateway, delays=[0.1]), going_wrong(gateway, integration, slow):
        answer = await gateway.final_answer(integration, await gateway.reply(integration, customer))

    assert answer.result in {"sent", "gateway_send_failed"}
    if answer.result == "gateway_send_failed":
        assert answer.details["outcome"] == "unknown"
    assert len(await gateway.records(event_id=answer.event_id, type="webhook.answered")) == 1


async def test_a_status_that_reports_a_closed_window_closes_the_window(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration, timestamp=int(time.time()) - 60)

    async with going_wrong(gateway, integration, Fault(kind="failed_status", code=131047)):
        first = await gateway.reply(integration, customer)
        assert await until_moved(gateway, first.event_id, "failed") == ["failed"]

    second = await gateway.reply(integration, customer)
    assert (first.result, second.result) == ("sent", "conversation_window_closed")


async def test_a_marketing_opt_out_suppresses_marketing_and_allows_agents_replies(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)

    async with going_wrong(gateway, integration, Fault(kind="failed_status", code=131050)):
        await gateway.reply(integration, customer)
        [added] = await gateway.wait_for_records(1, account_id=integration.account_id, type="suppression.added")

    assert (added["details"]["kind"], added["details"]["source"]) == ("marketing", "provider")
    assert (await gateway.reply(integration, customer)).result == "sent"


async def test_a_repeated_batch_in_the_wrong_order_ends_with_the_latest_opt_out(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer, now = await gateway.a_customer_who_wrote(integration), int(time.time())
    start = Inbound(
        phone_number_id=integration.number, sender=customer, text="START", timestamp=now - 10, wamid="wamid.start"
    )
    stop = Inbound(
        phone_number_id=integration.number, sender=customer, text="STOP", timestamp=now - 20, wamid="wamid.stop"
    )

    posted = await gateway.whatsapp.write(start, stop, shape="messages", times=3)

    assert set(posted.answers) == {200}

    async def reached() -> bool:
        return (await gateway.reply(integration, customer)).result == "sent"

    await eventually(reached)
    goodbyes = await gateway.records(account_id=integration.account_id, type="message.approved")
    assert sum(record["details"]["event_type"] == "opt_out_confirmation" for record in goodbyes) <= 1


async def test_a_repeated_opt_out_by_button_is_confirmed_once(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    pressed = Inbound(phone_number_id=integration.number, sender=customer, text="Stop promotions", type="button")

    await gateway.whatsapp.write(pressed, times=5)
    await gateway.wait_for_records(1, account_id=integration.account_id, type="suppression.added")

    async def told_goodbye() -> bool:
        return len(await gateway.whatsapp.messages(phone_number_id=integration.number)) == 1

    await eventually(told_goodbye)
    assert (await gateway.reply(integration, customer)).result == "recipient_suppressed"
    assert len(await gateway.records(account_id=integration.account_id, type="suppression.added")) == 1
    assert len(await gateway.whatsapp.messages(phone_number_id=integration.number)) == 1


async def test_a_cancel_button_is_no_opt_out(gateway: Gateway) -> None:
    integration = await gateway.create_integration()

    customer = await gateway.a_customer_who_wrote(integration, text="Cancel", type="button")

    assert (await gateway.reply(integration, customer)).result == "sent"


@pytest.mark.parametrize("kind", ["image", "audio", "location", "contacts", "order", "interactive", "unsupported"])
async def test_a_message_of_any_type_opens_the_window(gateway: Gateway, kind: str) -> None:
    integration = await gateway.create_integration()

    customer = await gateway.a_customer_who_wrote(integration, type=kind)

    assert (await gateway.reply(integration, customer)).result == "sent"


@pytest.mark.parametrize("kind", ["reaction", "system"])
async def test_an_event_that_is_no_message_opens_no_window(gateway: Gateway, kind: str) -> None:
    integration = await gateway.create_integration()

    customer = await gateway.a_customer_who_wrote(integration, type=kind)

    assert (await gateway.reply(integration, customer)).result == "conversation_window_closed"


async def test_an_opt_out_by_user_id_holds_for_the_phone(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = gateway.a_customer()
    user_id = f"SA.{customer.removeprefix('+')[::-1]}"
    await gateway.customers_write(integration, [customer], user_id=user_id)
    assert (await gateway.reply(integration, customer)).result == "sent"

    hidden = Inbound(phone_number_id=integration.number, user_id=user_id, text="STOP", username="someone")
    await gateway.whatsapp.write(hidden)
    await gateway.wait_for_records(1, account_id=integration.account_id, type="suppression.added")

    assert (await gateway.reply(integration, customer)).result == "recipient_suppressed"


async def test_a_preference_stops_marketing_alone(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    preference = {"wa_id": customer.removeprefix("+"), "category": "marketing_messages"}
    number = {"phone_number_id": integration.number, "display_phone_number": "15550001111"}

    for value in ("stop", "resume"):
        told = {"value": value, "timestamp": int(time.time()) + (value == "resume")}  # of one second, the stop counts
        content = {"metadata": number, "user_preferences": [preference | told]}
        change = {"field": "user_preferences", "value": content}
        posted = await gateway.whatsapp.webhook({"entry": [{"id": "1", "changes": [change]}]}, times=2)
        assert set(posted.answers) == {200}
        await gateway.wait_for_records(1, account_id=integration.account_id, type="whatsapp.preference_changed")
        if value == "stop":
            await gateway.wait_for_records(1, account_id=integration.account_id, type="suppression.added")

    await gateway.wait_for_records(1, account_id=integration.account_id, type="suppression.lifted")
    assert (await gateway.reply(integration, customer)).result == "sent"


async def test_template_updates_are_recorded(gateway: Gateway) -> None:
    change = {
        "field": "message_template_status_update",
        "value": {"event": "PAUSED", "message_template_name": f"reopen-{MARK}", "reason": "NONE"},
    }

    await gateway.whatsapp.webhook({"entry": [{"id": "4711", "time": int(time.time()), "changes": [change]}]}, times=2)

    async def updates() -> list[Any]:
        found = await gateway.records(type="whatsapp.account_updated")
        return [r for r in found if r["details"]["update"].get("message_template_name") == f"reopen-{MARK}"]

    [record] = await eventually(updates)
    assert record["details"]["topic"] == "message_template_status_update"


async def test_messages_to_one_customer_arrive_in_the_order_of_their_approval(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    texts = [f"{MARK} {n}" for n in range(5)]
    waiting: list[asyncio.Task[Any]] = []

    async with going_wrong(gateway, integration, Fault(kind="error", code=131000, http_status=500), times=1):
        for n, text in enumerate(texts):
            waiting.append(asyncio.create_task(gateway.post(integration, outbound(customer, text))))
            await gateway.wait_for_records(n + 1, integration_id=integration.id, type="message.approved")
        answers = [await gateway.final_answer(integration, answer) for answer in await asyncio.gather(*waiting)]

    assert {answer.result for answer in answers} == {"sent"}
    sent = await gateway.whatsapp.messages(phone_number_id=integration.number)
    assert [message.text for message in sent] == texts
