"""Agents and customers: what arrives, what is told later, who may be written to, and how much."""

import time
from collections import Counter

import pytest

from tests.e2e.driver import MARK, Gateway, Line, all_of, outbound
from tests.e2e.ledger_check import finals, ledger_check
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, Match, Step
from tools.simulator.payloads import Inbound

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY = 24 * 3600
DECISION_SECONDS = 5.0


async def becomes(gateway: Gateway, line: Line, customer: str, word: str) -> bool:
    """An agent's messages are answered so before long."""

    async def so() -> bool:
        return (await gateway.reply(line, customer)).word == word

    return await eventually(so, seconds=DECISION_SECONDS, pause=0.1)


async def test_an_agents_reply_reaches_the_customer_to_the_letter(gateway: Gateway) -> None:
    line = await gateway.open_line()
    customer = await gateway.a_writer(line)
    text = f"{MARK}: Hello 👋🏽 «مرحبا», 100% ready — see you at 5\nBest, A & B <3"

    answer = await gateway.reply(
        line, customer, f"  {text} \n", agent_extension="101", conversation_id="c-1", queue="8"
    )

    [message] = await gateway.whatsapp.messages(phone_number_id=line.number)
    assert (answer.status, answer.word, answer.body["message_id"]) == (200, "sent", message.id)
    assert (message.to, message.text) == (customer.removeprefix("+"), text)
    assert set(answer.body) == {"success", "status", "event_id", "message_id"}
    found = await gateway.recorded(3, event_id=answer.event_id)
    assert {record["type"] for record in found} >= {"webhook.received", "message.approved", "webhook.answered"}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        pytest.param({"to": "{a}", "from": "{b}"}, "a", id="to comes first"),
        pytest.param({"to": "101", "from": "{b}", "customer_phone": "{a}"}, "b", id="an extension is passed over"),
        pytest.param({"to": None, "customer_phone": "{a}", "caller": "{b}"}, "a", id="customer_phone before caller"),
        pytest.param({"to": "", "caller": "{a}", "phone": "{b}"}, "a", id="caller before phone"),
        pytest.param({"to": "x", "phone": "{a}"}, "a", id="phone at last"),
        pytest.param({"to": "0{national a}"}, "a", id="a national number"),
        pytest.param({"to": "00966 {national a}"}, "a", id="with 00 and a space"),
        pytest.param({"to": "anonymous", "caller": "Private", "phone": "101"}, None, id="none at all"),
    ],
)
async def test_the_phone_is_taken_from_the_first_field_that_has_one(
    gateway: Gateway, fields: dict[str, str], found: str | None
) -> None:
    line = await gateway.open_line()
    people = {"a": gateway.a_customer(), "b": gateway.a_customer()}
    await gateway.customers_write(line, list(people.values()))
    names = {"{a}": people["a"], "{b}": people["b"], "{national a}": people["a"].removeprefix("+966")}
    told = {name: _filled(value, names) for name, value in fields.items()}

    answer = await gateway.post(line, outbound("") | told)

    got = [message.to for message in await gateway.whatsapp.messages(phone_number_id=line.number)]
    assert got == ([people[found].removeprefix("+")] if found else [])
    assert answer.word == ("sent" if found else "missing_phone")


def _filled(value: str | None, names: dict[str, str]) -> str | None:
    for name, told in names.items():
        value = value.replace(name, told) if value else value
    return value


async def test_a_late_whatsapp_means_pending_and_its_answer_is_kept(gateway: Gateway) -> None:
    line = await gateway.open_line()
    customer = await gateway.a_writer(line)
    await gateway.whatsapp.script(Step(match=Match(phone_number_id=line.number), fault=Fault(kind="late", seconds=4)))

    pending = await gateway.post(line, outbound(customer), Idempotency_Key="late")
    asked = await gateway.status(line, pending.event_id)
    final = await gateway.final(line, pending)
    again = await gateway.post(line, outbound(customer), Idempotency_Key="late")

    assert (pending.status, pending.body) == (202, {"success": True, "status": "pending", "event_id": pending.event_id})
    assert 2.5 < pending.seconds < 4
    assert (asked.status, asked.word) == (202, "pending")
    assert (final.status, final.word) == (200, "sent")
    assert again.body == final.body
    findings = await ledger_check(gateway, [line], {final.event_id: final})
    assert findings.holds, findings.faults


async def test_the_daily_limit_counts_what_was_sent_and_nothing_else(gateway: Gateway) -> None:
    line = await gateway.open_line(account={"daily_limit": 5})
    people = [gateway.a_customer() for _ in range(10)]
    await gateway.customers_write(line, people)
    await gateway.whatsapp.script(
        Step(match=Match(phone_number_id=line.number, times=2), fault=Fault(kind="error", code=131026))
    )

    failed = [await gateway.reply(line, people[0]) for _ in range(2)]
    refused = [await gateway.reply(line, people[0], "") for _ in range(2)]
    answers = await all_of(*(gateway.reply(line, customer) for customer in people))

    assert [answer.word for answer in (*failed, *refused)] == ["gateway_send_failed"] * 2 + ["missing_message_text"] * 2
    assert Counter(answer.word for answer in answers) == {"sent": 5, "daily_message_limit_exceeded": 5}
    over = next(answer for answer in answers if answer.status == 429)
    assert (over.details["limit"], over.details["used"], over.details["period"]) == (5, 5, "daily")


async def test_a_message_of_unknown_outcome_keeps_its_place_in_the_limit(gateway: Gateway) -> None:
    line = await gateway.open_line(account={"daily_limit": 1})
    customer = await gateway.a_writer(line)
    await gateway.whatsapp.script(Step(match=Match(phone_number_id=line.number), fault=Fault(kind="drop_after")))

    unknown = await gateway.reply(line, customer)
    next_one = await gateway.reply(line, customer)

    assert (unknown.word, unknown.details["outcome"]) == ("gateway_send_failed", "unknown")
    assert next_one.word == "daily_message_limit_exceeded"


async def test_an_account_that_suddenly_sends_far_more_than_usual_is_throttled(gateway: Gateway) -> None:
    line = await gateway.open_line(account={"plan": "growth"})
    lines = [line, *[await gateway.connect(line.account_id, line.instance_id, line.number) for _ in range(4)]]
    people = [gateway.a_customer() for _ in range(40)]
    await gateway.customers_write(line, people)

    # 125 within ten minutes are usual for this plan; more than twice as many, in case ten minutes end just now.
    told = await all_of(*(gateway.reply(lines[n % 5], people[n % 40]) for n in range(260)))
    answers = await finals(gateway, zip([lines[n % 5] for n in range(260)], told, strict=True))

    throttled = [answer for answer in answers.values() if answer.word == "sending_throttled"]
    assert {answer.details["scope"] for answer in throttled} == {"account"}
    assert all(1 <= int(answer.headers["Retry-After"]) <= 600 for answer in throttled if answer.headers)
    assert 0 < len(throttled) < len(answers)


async def test_the_window_goes_by_whatsapps_clock(gateway: Gateway) -> None:
    line = await gateway.open_line()
    now = int(time.time())
    late, barely, twice, never = (gateway.a_customer() for _ in range(4))
    await gateway.customers_write(line, [late], timestamp=now - DAY - 5)
    await gateway.customers_write(line, [barely], timestamp=now - DAY + 60)
    await gateway.customers_write(line, [twice], timestamp=now - 10)
    await gateway.customers_write(line, [twice], timestamp=now - 2 * DAY)  # an old one that comes late shuts nothing

    answers = {who: await gateway.reply(line, who) for who in (late, barely, twice, never)}

    assert [answer.word for answer in answers.values()] == [
        "conversation_window_closed",
        "sent",
        "sent",
        "conversation_window_closed",
    ]
    assert (answers[late].details["reason"], answers[never].details["reason"]) == ("window_expired", "never_messaged")


async def test_a_window_belongs_to_one_number(gateway: Gateway) -> None:
    line, other = await gateway.open_line(), await gateway.open_line()
    customer = await gateway.a_writer(line)

    assert (await gateway.reply(other, customer)).word == "conversation_window_closed"
    assert (await gateway.reply(line, customer)).word == "sent"


@pytest.mark.parametrize(
    "word", ["STOP", " stop!! ", "Unsubscribe.", "إلغاء الاشتراك", "désabonner", "ABMELDEN", "Baja"]
)
async def test_a_customer_who_opts_out_is_told_once_and_written_to_no_more(gateway: Gateway, word: str) -> None:
    line = await gateway.open_line()
    customer = await gateway.a_writer(line, text=word)

    refused = await gateway.reply(line, customer)
    [confirmation] = await eventually(lambda: gateway.whatsapp.messages(phone_number_id=line.number))
    await gateway.customers_write(line, [customer], text=word)
    await gateway.customers_write(line, [customer], text="start")

    assert (refused.status, refused.word, refused.details["reason"]) == (403, "recipient_suppressed", "opt_out")
    assert "START" in confirmation.text
    assert await becomes(gateway, line, customer, "sent")
    assert len(await gateway.whatsapp.messages(phone_number_id=line.number)) == 2
    assert await gateway.recorded(type="suppression.added", account_id=line.account_id)
    assert await gateway.recorded(type="suppression.lifted", account_id=line.account_id)


@pytest.mark.parametrize(
    "text", ["Please stop by at five", "Don't stop", "Is this the last stop?", "quit smoking course"]
)
async def test_a_word_within_a_sentence_is_no_opt_out(gateway: Gateway, text: str) -> None:
    line = await gateway.open_line()

    customer = await gateway.a_writer(line, text=text)

    assert (await gateway.reply(line, customer)).word == "sent"


async def test_an_operators_block_is_not_lifted_by_the_customer(gateway: Gateway) -> None:
    line = await gateway.open_line()
    customer = await gateway.a_writer(line)
    block = {"account_id": line.account_id, "phone": customer, "reason": "abuse"}

    row = await gateway.done("POST", "/suppressions", block)
    await gateway.customers_write(line, [customer], text="START")
    blocked = await gateway.reply(line, customer)
    await gateway.done("DELETE", f"/suppressions/{row['id']}")

    assert (blocked.word, blocked.details["reason"]) == ("recipient_suppressed", "blocked")
    assert await becomes(gateway, line, customer, "sent")


async def test_a_post_of_whatsapp_repeated_and_batched_is_taken_once(gateway: Gateway) -> None:
    line = await gateway.open_line()
    people = [gateway.a_customer() for _ in range(5)]
    messages = [Inbound.model_validate({"phone_number_id": line.number, "sender": who}) for who in people]

    posted = await gateway.whatsapp.write(*messages, shape="entries", times=5)
    found = await gateway.recorded(5, type="whatsapp.message_received", account_id=line.account_id)

    assert posted.answers == (200,) * 5
    assert len(found) == 5
    assert await gateway.whatsapp.verify(gateway.stack.secrets["GATEWAY_WHATSAPP_VERIFY_TOKEN"])
    assert not await gateway.whatsapp.verify("guess")


async def test_messages_of_one_caller_keep_their_order(gateway: Gateway) -> None:
    line = await gateway.open_line()
    customer = await gateway.a_writer(line)

    for n in range(10):
        assert (await gateway.reply(line, customer, f"Part {n}")).word == "sent"

    texts = [message.text for message in await gateway.whatsapp.messages(phone_number_id=line.number)]
    assert texts == [f"Part {n}" for n in range(10)]
