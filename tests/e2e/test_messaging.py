"""Messages between agents and customers: delivery, pending answers, windows, limits, opt-outs."""

import time
from collections import Counter

import pytest

from tests.e2e.driver import MARK, Gateway, Integration, gather_answers, outbound
from tests.e2e.ledger_check import final_answers, ledger_check
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, FaultStep, Match
from tools.simulator.webhook_payloads import Inbound

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY = 24 * 3600
DECISION_SECONDS = 5.0


async def becomes(gateway: Gateway, integration: Integration, customer: str, word: str) -> bool:
    """An agent's messages are answered so before long."""

    async def so() -> bool:
        return (await gateway.reply(integration, customer)).result == word

    return await eventually(so, seconds=DECISION_SECONDS, pause=0.1)


async def test_an_agents_reply_reaches_the_customer_unchanged(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    text = f"{MARK}: Hello 👋🏽 «مرحبا», 100% ready — see you at 5\nBest, A & B <3"

    answer = await gateway.reply(
        integration, customer, f"  {text} \n", agent_extension="101", conversation_id="c-1", queue="8"
    )

    [message] = await gateway.whatsapp.messages(phone_number_id=integration.number)
    assert (answer.status, answer.result, answer.body["message_id"]) == (200, "sent", message.id)
    assert (message.to, message.text) == (customer.removeprefix("+"), text)
    assert set(answer.body) == {"success", "status", "event_id", "message_id"}
    found = await gateway.wait_for_records(3, event_id=answer.event_id)
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
    integration = await gateway.create_integration()
    people = {"a": gateway.a_customer(), "b": gateway.a_customer()}
    await gateway.customers_write(integration, list(people.values()))
    names = {"{a}": people["a"], "{b}": people["b"], "{national a}": people["a"].removeprefix("+966")}
    phones = {name: _filled(value, names) for name, value in fields.items()}

    answer = await gateway.post(integration, outbound("") | phones)

    got = [message.to for message in await gateway.whatsapp.messages(phone_number_id=integration.number)]
    assert got == ([people[found].removeprefix("+")] if found else [])
    assert answer.result == ("sent" if found else "missing_phone")


def _filled(value: str | None, names: dict[str, str]) -> str | None:
    for name, phone in names.items():
        value = value.replace(name, phone) if value else value
    return value


async def test_a_late_provider_answer_means_pending_and_a_final_answer_later(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    await gateway.whatsapp.script(
        FaultStep(match=Match(phone_number_id=integration.number), fault=Fault(kind="late", seconds=4))
    )

    pending = await gateway.post(integration, outbound(customer), Idempotency_Key="late")
    asked = await gateway.status(integration, pending.event_id)
    final = await gateway.final_answer(integration, pending)
    again = await gateway.post(integration, outbound(customer), Idempotency_Key="late")

    assert (pending.status, pending.body) == (202, {"success": True, "status": "pending", "event_id": pending.event_id})
    assert pending.seconds > 2.5  # of the reply time-out of 3 s; a loaded machine takes longer
    assert (asked.status, asked.result) == (202, "pending")
    assert (final.status, final.result) == (200, "sent")
    assert again.body == final.body
    findings = await ledger_check(gateway, [integration], {final.event_id: final})
    assert findings.holds, findings.faults


async def test_the_daily_limit_counts_sent_messages_only(gateway: Gateway) -> None:
    integration = await gateway.create_integration(account={"daily_limit": 5})
    people = [gateway.a_customer() for _ in range(10)]
    await gateway.customers_write(integration, people)
    await gateway.whatsapp.script(
        FaultStep(match=Match(phone_number_id=integration.number, times=2), fault=Fault(kind="error", code=131051))
    )

    failed = [await gateway.reply(integration, people[0]) for _ in range(2)]
    refused = [await gateway.reply(integration, people[0], "") for _ in range(2)]
    answers = await gather_answers(*(gateway.reply(integration, customer) for customer in people))

    assert [answer.result for answer in (*failed, *refused)] == ["gateway_send_failed"] * 2 + [
        "missing_message_text"
    ] * 2
    assert Counter(answer.result for answer in answers) == {"sent": 5, "daily_message_limit_exceeded": 5}
    over = next(answer for answer in answers if answer.status == 429)
    assert (over.details["limit"], over.details["used"], over.details["period"]) == (5, 5, "daily")


async def test_a_message_with_an_unknown_outcome_counts_towards_the_limit(gateway: Gateway) -> None:
    integration = await gateway.create_integration(account={"daily_limit": 1})
    customer = await gateway.a_customer_who_wrote(integration)
    await gateway.whatsapp.script(
        FaultStep(match=Match(phone_number_id=integration.number), fault=Fault(kind="drop_after"))
    )

    unknown = await gateway.reply(integration, customer)
    next_one = await gateway.reply(integration, customer)

    assert (unknown.result, unknown.details["outcome"]) == ("gateway_send_failed", "unknown")
    assert next_one.result == "daily_message_limit_exceeded"


async def test_an_account_that_suddenly_sends_far_more_than_usual_is_throttled(gateway: Gateway) -> None:
    integration = await gateway.create_integration(account={"plan": "growth"})
    integrations = [
        integration,
        *[
            await gateway.add_integration(integration.account_id, integration.instance_id, integration.number)
            for _ in range(4)
        ],
    ]
    people = [gateway.a_customer() for _ in range(40)]
    await gateway.customers_write(integration, people)

    # 125 within ten minutes are usual for this plan; more than twice as many, in case ten minutes end just now.
    pending = await gather_answers(*(gateway.reply(integrations[n % 5], people[n % 40]) for n in range(260)))
    answers = await final_answers(gateway, zip([integrations[n % 5] for n in range(260)], pending, strict=True))

    throttled = [answer for answer in answers.values() if answer.result == "sending_throttled"]
    assert {answer.details["scope"] for answer in throttled} == {"account"}
    assert all(1 <= int(answer.headers["Retry-After"]) <= 600 for answer in throttled if answer.headers)
    assert 0 < len(throttled) < len(answers)


async def test_the_window_is_computed_with_whatsapps_clock(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    now = int(time.time())
    late, barely, twice, never = (gateway.a_customer() for _ in range(4))
    await gateway.customers_write(integration, [late], timestamp=now - DAY - 5)
    await gateway.customers_write(integration, [barely], timestamp=now - DAY + 60)
    await gateway.customers_write(integration, [twice], timestamp=now - 10)
    await gateway.customers_write(
        integration, [twice], timestamp=now - 2 * DAY
    )  # an old one that comes late shuts nothing

    answers = {who: await gateway.reply(integration, who) for who in (late, barely, twice, never)}

    assert [answer.result for answer in answers.values()] == [
        "conversation_window_closed",
        "sent",
        "sent",
        "conversation_window_closed",
    ]
    assert (answers[late].details["reason"], answers[never].details["reason"]) == ("window_expired", "never_messaged")


async def test_a_window_belongs_to_one_number(gateway: Gateway) -> None:
    integration, other = await gateway.create_integration(), await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)

    assert (await gateway.reply(other, customer)).result == "conversation_window_closed"
    assert (await gateway.reply(integration, customer)).result == "sent"


@pytest.mark.parametrize(
    "word", ["STOP", " stop!! ", "Unsubscribe.", "إلغاء الاشتراك", "désabonner", "ABMELDEN", "Baja"]
)
async def test_a_customer_who_opts_out_gets_one_confirmation_and_no_more_messages(gateway: Gateway, word: str) -> None:
    integration = await gateway.create_integration()
    before = int(time.time()) - 5  # a START in the second of the STOP would lift nothing
    customer = await gateway.a_customer_who_wrote(integration, text=word, timestamp=before)

    refused = await gateway.reply(integration, customer)
    [confirmation] = await eventually(lambda: gateway.whatsapp.messages(phone_number_id=integration.number))
    await gateway.customers_write(integration, [customer], text=word, timestamp=before)
    await gateway.customers_write(integration, [customer], text="start")

    assert (refused.status, refused.result, refused.details["reason"]) == (403, "recipient_suppressed", "opt_out")
    assert "START" in confirmation.text
    assert await becomes(gateway, integration, customer, "sent")
    assert len(await gateway.whatsapp.messages(phone_number_id=integration.number)) == 2
    assert await gateway.wait_for_records(type="suppression.added", account_id=integration.account_id)
    assert await gateway.wait_for_records(type="suppression.lifted", account_id=integration.account_id)


@pytest.mark.parametrize(
    "text", ["Please stop by at five", "Don't stop", "Is this the last stop?", "quit smoking course"]
)
async def test_a_keyword_within_a_sentence_is_no_opt_out(gateway: Gateway, text: str) -> None:
    integration = await gateway.create_integration()

    customer = await gateway.a_customer_who_wrote(integration, text=text)

    assert (await gateway.reply(integration, customer)).result == "sent"


async def test_an_operators_block_is_not_lifted_by_the_customer(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    block = {"account_id": integration.account_id, "phone": customer, "reason": "abuse"}

    row = await gateway.done("POST", "/suppressions", block)
    await gateway.customers_write(integration, [customer], text="START")
    blocked = await gateway.reply(integration, customer)
    await gateway.done("DELETE", f"/suppressions/{row['id']}")

    assert (blocked.result, blocked.details["reason"]) == ("recipient_suppressed", "blocked")
    assert await becomes(gateway, integration, customer, "sent")


async def test_a_repeated_and_batched_whatsapp_webhook_takes_effect_once(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    people = [gateway.a_customer() for _ in range(5)]
    messages = [Inbound.model_validate({"phone_number_id": integration.number, "sender": who}) for who in people]

    posted = await gateway.whatsapp.write(*messages, shape="entries", times=5)
    found = await gateway.wait_for_records(5, type="whatsapp.message_received", account_id=integration.account_id)

    assert posted.answers == (200,) * 5
    assert len(found) == 5
    assert await gateway.whatsapp.verify(gateway.stack.secrets["GATEWAY_WHATSAPP_VERIFY_TOKEN"])
    assert not await gateway.whatsapp.verify("guess")


async def test_messages_of_one_caller_keep_their_order(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)

    for n in range(10):
        assert (await gateway.reply(integration, customer, f"Part {n}")).result == "sent"

    texts = [message.text for message in await gateway.whatsapp.messages(phone_number_id=integration.number)]
    assert texts == [f"Part {n}" for n in range(10)]
