"""The scenes of the demo: each has a description, an answer of the gateway and the expected result."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tools.demo.chat_scenes import chat_steps
from tools.demo.client import Answer, DemoClient, Integration
from tools.demo.pbx import Pbx, running_pbx
from tools.simulator.faults import Fault, FaultStep, Match

CUSTOMER, SECOND, THIRD, STRANGER = "+966512345601", "+966512345602", "+966512345603", "+966512345699"
PAIR_BURST = 10
"""Messages that one customer may be sent at once."""
LAST_FORWARDS_SECONDS = 1.0
"""Seconds for the last statuses to arrive before the 3CX receiver stops."""
REQUESTS_A_MINUTE = 60
TEST = {"event_type": "test"}
SCAM = "CASINO!!! You won 1,000,000 USD, claim your jackpot at http://bit.ly/win now, 100% free spins, bet today"


@dataclass(frozen=True, slots=True)
class Scene:
    """One row of the table."""

    description: str
    expected: str
    answer: Answer

    @property
    def as_expected(self) -> bool:
        """True when the gateway gave the expected result."""
        return self.answer.result == self.expected


async def play_scenes(client: DemoClient) -> AsyncIterator[Scene]:
    """Play all scenes in order; each is yielded when its answer is there."""
    acme = await client.create_integration("Acme")
    messages = (_first_messages, _call_events, _forwarding, _chat, _invalid_requests, _consent, _content_policy)
    for group in (*messages, _disabled_features, _limits, _provider_faults, _signatures, _broker_outage):
        async for scene in group(client, acme):
            yield scene


async def _first_messages(client: DemoClient, acme: Integration) -> AsyncIterator[Scene]:
    yield Scene("3CX tests its URL and secret", "ok", await client.post(acme, TEST))
    yield Scene("The customer has never written", "conversation_window_closed", await client.reply(acme, STRANGER))
    await client.customer_writes(acme, CUSTOMER, "Hello, is my order ready?")
    yield Scene("The customer has written", "sent", await client.reply(acme, CUSTOMER))
    key = {"Idempotency_Key": "order-4711"}
    text = {"message_text": "Your order 4711 is ready.", "message_purpose": "transactional"}
    body = {"event_type": "outbound_message", "to": CUSTOMER, **text}
    yield Scene("A message with an Idempotency-Key", "sent", await client.post(acme, body, **key))
    yield Scene("The same request: same answer, not sent again", "sent", await client.post(acme, body, **key))
    other = body | {"message_text": "Another text"}
    yield Scene("The same key with another text", "idempotency_key_reused", await client.post(acme, other, **key))
    started = {"event_type": "call_started", "caller": CUSTOMER}
    yield Scene("A call starts", "recorded", await client.post(acme, started))


async def _call_events(client: DemoClient, _: Integration) -> AsyncIterator[Scene]:
    missed = {"missed_call": {"enabled": True, "text": "Hello, we missed your call. {{business_name}}"}}
    calls = await client.create_integration("Calls", templates=missed)
    await client.customer_writes(calls, CUSTOMER, "Hi")
    call = {"event_type": "missed_call", "caller": CUSTOMER}
    yield Scene("A missed call: the template is sent", "sent", await client.post(calls, call))
    yield Scene("Another missed call within 15 minutes", "skipped", await client.post(calls, call))
    caller = {"callerid": SECOND.lstrip("+"), "user": "101"}
    other_dialect = {"event": "incoming", "finishtype": "Ok", "id": "260101_1-1", **caller}
    yield Scene("A call ended, in another system's format", "recorded", await client.post(calls, other_dialect))


async def _forwarding(client: DemoClient, _: Integration) -> AsyncIterator[Scene]:
    async with running_pbx() as pbx:
        shop = await client.create_integration("Forwarding", forward_url=pbx.url)
        pbx.secret = shop.forward_secret
        await client.customer_writes(shop, CUSTOMER, "Is anybody there?")
        yield await _forwarded("A customer's message is forwarded to 3CX", "message.received", pbx)
        await client.reply(shop, CUSTOMER)
        yield await _forwarded("WhatsApp's statuses are forwarded to 3CX", "message.status_updated", pbx)
        await client.customer_writes(shop, THIRD, "STOP")
        yield await _forwarded("An opt-out is forwarded to 3CX", "recipient.opted_out", pbx)
        await asyncio.sleep(LAST_FORWARDS_SECONDS)


async def _chat(client: DemoClient, _: Integration) -> AsyncIterator[Scene]:
    async for description, expected, answer in chat_steps(client):
        yield Scene(description, expected, answer)


async def _forwarded(description: str, kind: str, pbx: Pbx) -> Scene:
    return Scene(description, kind, Answer(200, {"success": True, "status": await pbx.wait_for_forward(kind)}))


async def _invalid_requests(client: DemoClient, acme: Integration) -> AsyncIterator[Scene]:
    wrong_secret = client.post(acme, TEST, secret="guess")  # noqa: S106 -- wrong on purpose
    yield Scene("A wrong secret", "invalid_3cx_webhook", await wrong_secret)
    yield Scene("A body of 300 KB", "payload_too_large", await client.post(acme, b"x" * 300_000))
    yield Scene("Invalid JSON", "invalid_json", await client.post(acme, '{"event_type": NaN}'))
    yield Scene("An unknown event type", "unsupported_event_type", await client.post(acme, {"event_type": "fax"}))
    yield Scene("A message to an extension", "missing_phone", await client.reply(acme, "101"))
    yield Scene("A message without text", "missing_message_text", await client.reply(acme, CUSTOMER, "  "))
    yield Scene(
        "A message of 4,097 characters", "message_text_too_long", await client.reply(acme, CUSTOMER, "a" * 4097)
    )
    yield Scene(
        "A message for marketing",
        "message_purpose_not_allowed",
        await client.reply(acme, CUSTOMER, message_purpose="marketing"),
    )


async def _consent(client: DemoClient, acme: Integration) -> AsyncIterator[Scene]:
    earlier = int(datetime.now(UTC).timestamp()) - 5  # START lifts only the opt-outs of earlier seconds
    await client.customer_writes(acme, SECOND, "Stop!", timestamp=earlier)
    yield Scene("The customer sent STOP", "recipient_suppressed", await client.reply(acme, SECOND))
    await client.customer_writes(acme, SECOND, "START")
    yield Scene("The customer sent START", "sent", await client.reply(acme, SECOND))
    yesterday = int((datetime.now(UTC) - timedelta(hours=25)).timestamp())
    await client.customer_writes(acme, THIRD, "Anyone there?", timestamp=yesterday)
    yield Scene("The customer wrote 25 hours ago", "conversation_window_closed", await client.reply(acme, THIRD))
    block = {"account_id": acme.account_id, "phone": STRANGER, "reason": "asked by phone"}
    row = await client.api("POST", "/suppressions", block)
    yield Scene("An operator blocked the customer", "recipient_suppressed", await client.reply(acme, STRANGER))
    await client.api("DELETE", f"/suppressions/{row['id']}")


async def _content_policy(client: DemoClient, acme: Integration) -> AsyncIterator[Scene]:
    yield Scene("A casino advertisement", "policy_violation", await client.reply(acme, CUSTOMER, SCAM))
    paused = ("accounts", "paused", True)
    yield await _with_setting(client, acme, paused, "The account is paused", "policy_violation")


async def _disabled_features(client: DemoClient, acme: Integration) -> AsyncIterator[Scene]:
    module_off, outbound_off = ("accounts", "threecx_enabled", False), ("integrations", "outbound_enabled", False)
    yield await _with_setting(client, acme, module_off, "The 3CX module is disabled", "module_not_enabled")
    yield await _with_setting(client, acme, outbound_off, "Outbound messages are disabled", "outbound_disabled")
    quiet = await client.create_integration("Quiet", call_events_enabled=False)
    call = {"event_type": "missed_call", "caller": CUSTOMER}
    yield Scene("A missed call while call events are disabled", "call_events_disabled", await client.post(quiet, call))


async def _with_setting(
    client: DemoClient, integration: Integration, change: tuple[str, str, bool], description: str, expected: str
) -> Scene:
    """Change a setting, reply until the change takes effect, and change it back."""
    kind, setting, value = change
    path = f"/{kind}/{integration.account_id if kind == 'accounts' else integration.id}"
    await client.api("PATCH", path, {setting: value})
    answer = await client.reply_until(integration, CUSTOMER, expected)
    await client.api("PATCH", path, {setting: not value})
    await client.reply_until(integration, CUSTOMER, "sent")
    return Scene(description, expected, answer)


async def _limits(client: DemoClient, _: Integration) -> AsyncIterator[Scene]:
    small = await client.create_integration("Small", account={"daily_limit": 3})
    await client.customer_writes(small, CUSTOMER, "Hi")
    for _count in range(3):
        await client.reply(small, CUSTOMER)
    yield Scene(
        "The fourth of three messages a day", "daily_message_limit_exceeded", await client.reply(small, CUSTOMER)
    )
    chatty = await client.create_integration("Chatty")
    await client.customer_writes(chatty, CUSTOMER, "Hi")
    answers = [await client.reply(chatty, CUSTOMER, f"Part {i}") for i in range(PAIR_BURST + 2)]
    late = next((a for a in answers if a.result != "sent"), answers[-1])
    yield Scene("Twelve messages to one customer at once", "sending_throttled", late)
    busy = await client.create_integration("Busy")
    for _count in range(REQUESTS_A_MINUTE):
        await client.post(busy, TEST)
    yield Scene("The 61st request in a minute", "webhook_rate_limited", await client.post(busy, TEST))


async def _provider_faults(client: DemoClient, _: Integration) -> AsyncIterator[Scene]:
    faulty = await client.create_integration("Faulty")
    await client.customer_writes(faulty, CUSTOMER, "Hi")
    await client.customer_writes(faulty, SECOND, "Hi")
    await client.customer_writes(faulty, THIRD, "Hi")
    here = Match(phone_number_id=faulty.number, times=1)
    await client.whatsapp.script(FaultStep(match=here, fault=Fault(kind="error", code=131026)))
    yield Scene("WhatsApp answers: undeliverable", "gateway_send_failed", await client.reply(faulty, THIRD))
    await client.whatsapp.script(FaultStep(match=here, fault=Fault(kind="error", code=131047)))
    yield Scene("WhatsApp answers: window closed", "conversation_window_closed", await client.reply(faulty, CUSTOMER))
    await client.whatsapp.script(FaultStep(match=here, fault=Fault(kind="drop_after")))
    yield Scene("The connection drops after the request", "gateway_send_failed", await client.reply(faulty, SECOND))
    await client.whatsapp.script(FaultStep(match=here, fault=Fault(kind="late", seconds=9)))
    pending = await client.reply(faulty, SECOND)
    yield Scene("WhatsApp answers after 9 seconds", "pending", pending)
    yield Scene(
        "The status address, later", "sent", await client.final_answer(faulty, str(pending.body.get("event_id")))
    )
    await client.whatsapp.clear_script()


async def _signatures(client: DemoClient, _: Integration) -> AsyncIterator[Scene]:
    strict = await client.create_integration("Strict", auth_mode="secret_hmac")
    yield Scene("A required signature is missing", "invalid_3cx_webhook", await client.post(strict, TEST))


async def _broker_outage(client: DemoClient, acme: Integration) -> AsyncIterator[Scene]:
    broker = client.stack.broker
    if broker is None:
        return  # a broker that the demo did not start is not stopped
    await broker.sync()
    broker.kill()
    yield Scene("The broker is killed", "gateway_unavailable", await client.reply(acme, CUSTOMER))
    await broker.restart()
    yield Scene("The broker is back", "sent", await client.reply_until(acme, CUSTOMER, "sent", seconds=30))
