"""The day's script: each step says what happens, plays it, and names the answer it expects."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tools.demo.pbx import Pbx, a_pbx
from tools.demo.world import Answer, Line, World
from tools.simulator.faults import Fault, Match, Step

CUSTOMER, SECOND, THIRD, STRANGER = "+966512345601", "+966512345602", "+966512345603", "+966512345699"
PAIR_BURST = 10
FORWARDS_END = 1.0
"""Seconds for the last statuses of a closing 3CX side."""
REQUESTS_A_MINUTE = 60
SCAM = "CASINO!!! You won 1,000,000 USD, claim your jackpot at http://bit.ly/win now, 100% free spins, bet today"


@dataclass(frozen=True, slots=True)
class Scene:
    """One row of the table."""

    asked: str
    answer: Answer
    expected: str

    @property
    def as_expected(self) -> bool:
        """True when the gateway answered what it promises."""
        return self.answer.word == self.expected


Play = Callable[[], Awaitable[Answer]]


async def day(world: World) -> AsyncIterator[Scene]:
    """Everything in order; a scene is yielded as soon as it was played."""
    line = await world.open_line("Acme")
    for part in (
        _morning,
        _calls,
        _way_back,
        _refusals_of_form,
        _consent,
        _conduct,
        _switches,
        _limits,
        _provider,
        _edge,
        _outage,
    ):
        async for scene in part(world, line):
            yield scene


async def _scene(asked: str, expected: str, answer: Awaitable[Answer]) -> Scene:
    return Scene(asked, await answer, expected)


async def _morning(world: World, line: Line) -> AsyncIterator[Scene]:
    yield await _scene("3CX tests URL and secret", "ok", world.post(line, {"event_type": "test"}))
    yield await _scene(
        "Agent writes to someone who never wrote", "conversation_window_closed", world.reply(line, STRANGER)
    )
    await world.customer_writes(line, CUSTOMER, "Hello, is my order ready?")
    yield await _scene("Customer wrote; agent answers", "sent", world.reply(line, CUSTOMER))
    key = {"Idempotency_Key": "order-4711"}
    body = {
        "event_type": "outbound_message",
        "to": CUSTOMER,
        "message_text": "Your order 4711 is ready.",
        "message_purpose": "transactional",
    }
    yield await _scene("Same with an Idempotency-Key", "sent", world.post(line, body, **key))
    yield await _scene("… repeated: the first answer, nothing sent twice", "sent", world.post(line, body, **key))
    other = body | {"message_text": "Another text"}
    yield await _scene("… the key with another text", "idempotency_key_reused", world.post(line, other, **key))
    yield await _scene(
        "A call begins", "recorded", world.post(line, {"event_type": "call_started", "caller": CUSTOMER})
    )


async def _calls(world: World, _: Line) -> AsyncIterator[Scene]:
    missed = {"missed_call": {"enabled": True, "text": "Hello, we missed your call. {{business_name}}"}}
    line = await world.open_line("Calls", templates=missed)
    await world.customer_writes(line, CUSTOMER, "Hi")
    call = {"event_type": "missed_call", "caller": CUSTOMER}
    yield await _scene("A missed call: the template goes out", "sent", world.post(line, call))
    yield await _scene("… again within 15 minutes", "skipped", world.post(line, call))
    foreign = {
        "event": "incoming",
        "callerid": SECOND.lstrip("+"),
        "finishtype": "Ok",
        "user": "101",
        "id": "260101_1-1",
    }
    yield await _scene("Another system's words: a call ended", "recorded", world.post(line, foreign))


async def _way_back(world: World, _: Line) -> AsyncIterator[Scene]:
    async with a_pbx() as pbx:
        line = await world.open_line("Way back", forward_url=pbx.url)
        pbx.secret = line.forward_secret
        await world.customer_writes(line, CUSTOMER, "Is anybody there?")
        yield await _told("The customer's message reaches 3CX", "message.received", pbx)
        await world.reply(line, CUSTOMER)
        yield await _told("WhatsApp's statuses reach 3CX", "message.status_updated", pbx)
        await world.customer_writes(line, THIRD, "STOP")
        yield await _told("An opt-out reaches 3CX", "recipient.opted_out", pbx)
        await asyncio.sleep(FORWARDS_END)


async def _told(asked: str, kind: str, pbx: Pbx) -> Scene:
    return Scene(asked, Answer(200, {"success": True, "status": await pbx.hears(kind)}), kind)


async def _refusals_of_form(world: World, line: Line) -> AsyncIterator[Scene]:
    yield await _scene("Wrong secret", "invalid_3cx_webhook", world.post(line, {"event_type": "test"}, secret="guess"))  # noqa: S106 -- wrong on purpose
    yield await _scene("A body of 300 KB", "payload_too_large", world.post(line, b"x" * 300_000))
    yield await _scene("Broken JSON", "invalid_json", world.post(line, '{"event_type": NaN}'))
    yield await _scene("An unknown event", "unsupported_event_type", world.post(line, {"event_type": "fax"}))
    yield await _scene("To an extension", "missing_phone", world.reply(line, "101"))
    yield await _scene("No text", "missing_message_text", world.reply(line, CUSTOMER, "  "))
    yield await _scene("4,097 characters", "message_text_too_long", world.reply(line, CUSTOMER, "a" * 4097))
    yield await _scene(
        "For marketing", "message_purpose_not_allowed", world.reply(line, CUSTOMER, message_purpose="marketing")
    )


async def _consent(world: World, line: Line) -> AsyncIterator[Scene]:
    await world.customer_writes(line, SECOND, "Stop!")
    yield await _scene("Customer wrote STOP; agent answers", "recipient_suppressed", world.reply(line, SECOND))
    await world.customer_writes(line, SECOND, "START")
    yield await _scene("Customer wrote START; agent answers", "sent", world.reply(line, SECOND))
    yesterday = int((datetime.now(UTC) - timedelta(hours=25)).timestamp())
    await world.customer_writes(line, THIRD, "Anyone there?", timestamp=yesterday)
    yield await _scene("Customer wrote 25 hours ago", "conversation_window_closed", world.reply(line, THIRD))
    row = await world.api(
        "POST", "/suppressions", {"account_id": line.account_id, "phone": STRANGER, "reason": "asked by phone"}
    )
    yield await _scene("An operator blocked the number", "recipient_suppressed", world.reply(line, STRANGER))
    await world.api("DELETE", f"/suppressions/{row['id']}")


async def _conduct(world: World, line: Line) -> AsyncIterator[Scene]:
    yield await _scene("Agent sends a casino advertisement", "policy_violation", world.reply(line, CUSTOMER, SCAM))
    yield await _changed(world, line, ("accounts", "paused", True), "The account is paused", "policy_violation")


async def _switches(world: World, line: Line) -> AsyncIterator[Scene]:
    module_off, outbound_off = ("accounts", "threecx_enabled", False), ("integrations", "outbound_enabled", False)
    yield await _changed(world, line, module_off, "3CX module off", "module_not_enabled")
    yield await _changed(world, line, outbound_off, "Outbound messages off", "outbound_disabled")
    quiet = await world.open_line("Quiet", call_events_enabled=False)
    call = {"event_type": "missed_call", "caller": CUSTOMER}
    yield await _scene("A missed call, call events off", "call_events_disabled", world.post(quiet, call))


async def _changed(world: World, line: Line, change: tuple[str, str, bool], asked: str, expected: str) -> Scene:
    """Switch something, ask, and switch it back; a change reaches the services within moments."""
    kind, switch, value = change
    path = f"/{kind}/{line.account_id if kind == 'accounts' else line.id}"
    await world.api("PATCH", path, {switch: value})
    answer = await world.until(line, CUSTOMER, expected)
    await world.api("PATCH", path, {switch: not value})
    await world.until(line, CUSTOMER, "sent")
    return Scene(asked, answer, expected)


async def _limits(world: World, _: Line) -> AsyncIterator[Scene]:
    small = await world.open_line("Small", account={"daily_limit": 3})
    await world.customer_writes(small, CUSTOMER, "Hi")
    for _count in range(3):
        await world.reply(small, CUSTOMER)
    yield await _scene("The fourth of three a day", "daily_message_limit_exceeded", world.reply(small, CUSTOMER))
    chatty = await world.open_line("Chatty")
    await world.customer_writes(chatty, CUSTOMER, "Hi")
    answers = [await world.reply(chatty, CUSTOMER, f"Part {i}") for i in range(PAIR_BURST + 2)]
    late = next((a for a in answers if a.word != "sent"), answers[-1])
    yield Scene("Twelve messages to one customer at once", late, "sending_throttled")
    busy = await world.open_line("Busy")
    for _count in range(REQUESTS_A_MINUTE):
        await world.post(busy, {"event_type": "test"})
    yield await _scene("The 61st request of a minute", "webhook_rate_limited", world.post(busy, {"event_type": "test"}))


async def _provider(world: World, _: Line) -> AsyncIterator[Scene]:
    line = await world.open_line("Faulty")
    await world.customer_writes(line, CUSTOMER, "Hi")
    await world.customer_writes(line, SECOND, "Hi")
    here = Match(phone_number_id=line.number, times=1)
    await world.whatsapp.script(Step(match=here, fault=Fault(kind="error", code=131026)))
    yield await _scene("WhatsApp: undeliverable", "gateway_send_failed", world.reply(line, CUSTOMER))
    await world.whatsapp.script(Step(match=here, fault=Fault(kind="error", code=131047)))
    yield await _scene("WhatsApp: window closed", "conversation_window_closed", world.reply(line, CUSTOMER))
    await world.whatsapp.script(Step(match=here, fault=Fault(kind="drop_after")))
    yield await _scene("The line drops after WhatsApp took it", "gateway_send_failed", world.reply(line, SECOND))
    await world.whatsapp.script(Step(match=here, fault=Fault(kind="late", seconds=9)))
    pending = await world.reply(line, SECOND)
    yield Scene("WhatsApp answers after 9 seconds", pending, "pending")
    yield await _scene("… asked later", "sent", world.final(line, str(pending.body.get("event_id"))))
    await world.whatsapp.clear_script()


async def _edge(world: World, _: Line) -> AsyncIterator[Scene]:
    strict = await world.open_line("Strict", auth_mode="secret_hmac")
    yield await _scene(
        "Signature required, none sent", "invalid_3cx_webhook", world.post(strict, {"event_type": "test"})
    )


async def _outage(world: World, line: Line) -> AsyncIterator[Scene]:
    broker = world.stack.broker
    if broker is None:
        return  # somebody else's broker is not ours to stop
    await broker.sync()
    broker.kill()
    yield await _scene("The broker dies", "gateway_unavailable", world.reply(line, CUSTOMER))
    await broker.restart()
    yield Scene("The broker is back", await world.until(line, CUSTOMER, "sent", seconds=30), "sent")
