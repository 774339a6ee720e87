"""Reports equal what the driver did; a simulation equals the later decision and has no effect."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from libs.record.keys import public_keys_from
from libs.record.pdf_signatures import pdf_problem
from libs.record.reports import report_problem, text_problem
from tests.e2e.driver import Answer, Gateway, Integration, outbound
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, FaultStep, Match

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCAM = "CASINO!!! You won 1,000,000 USD, claim your jackpot at http://bit.ly/win now, 100% free spins, bet today"


async def played(gateway: Gateway, integration: Integration) -> tuple[list[Answer], Counter[str]]:
    """A day: what was answered, and how often a request was turned away at the door for which reason."""
    customer, leaver, dropped = [await gateway.a_customer_who_wrote(integration) for _ in range(3)]
    answers = [await gateway.post(integration, {"event_type": "test"})]
    answers += [await gateway.reply(integration, customer) for _ in range(3)]
    answers.append(await gateway.reply(integration, customer, message_purpose="transactional"))
    answers.append(await gateway.reply(integration, customer, message_purpose="marketing"))
    answers.append(await gateway.reply(integration, customer, SCAM))
    answers.append(await gateway.reply(integration, gateway.a_customer()))
    answers.append(await gateway.reply(integration, "101"))
    answers.append(await gateway.post(integration, {"event_type": "call_started", "caller": customer}))
    answers.append(await gateway.post(integration, b"{"))
    await gateway.whatsapp.inbound(integration.number, leaver.removeprefix("+"), "STOP")

    async def stopped() -> bool:
        answers.append(await gateway.reply(integration, leaver))
        return answers[-1].result == "recipient_suppressed"

    async def confirmed() -> bool:
        return any("START" in m.text for m in await gateway.whatsapp.messages(phone_number_id=integration.number))

    assert await eventually(stopped, pause=0.2)
    assert await eventually(confirmed)
    here = Match(phone_number_id=integration.number, times=1)
    await gateway.whatsapp.script(FaultStep(match=here, fault=Fault(kind="error", code=131026)))
    answers.append(await gateway.reply(integration, customer))
    await gateway.whatsapp.script(FaultStep(match=here, fault=Fault(kind="drop_before")))
    answers.append(await gateway.final_answer(integration, await gateway.reply(integration, dropped)))
    rejected = [await gateway.post(integration, {"event_type": "test"}, secret="wrong") for _ in range(2)]
    assert {answer.status for answer in rejected} == {401}
    return answers, Counter({"wrong_secret": 2})


async def report(gateway: Gateway, integration: Integration, **query: Any) -> dict[str, Any]:
    """Today's, in the account's time zone; at midnight yesterday's as well."""
    today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Riyadh")).date()
    period = {"from_": today - timedelta(days=1), "to": today + timedelta(days=1)}
    return await gateway.done("GET", "/reports/compliance", account_id=integration.account_id, **(period | query))


async def test_a_report_after_a_day_equals_what_the_driver_did(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    answers, rejected = await played(gateway, integration)
    words = Counter(answer.result for answer in answers)

    async def complete() -> dict[str, Any] | None:
        report_body = await report(gateway, integration)
        counted = {o["code"]: o["count"] for o in report_body["outcomes"]["by_code"]}
        return (
            report_body if counted == words and report_body["authentication"]["requests"] == rejected.total() else None
        )

    report_body = await eventually(complete, seconds=20, pause=0.3)

    assert report_body is not None
    assert {one["name"]: one["count"] for one in report_body["authentication"]["by_reason"]} == rejected
    messages = await gateway.whatsapp.messages(phone_number_id=integration.number)
    confirmations = sum(one["count"] for one in report_body["outcomes"]["confirmations"])
    assert confirmations == 1
    assert report_body["delivery"]["sent"] == words["sent"] + confirmations == len(messages)
    assert (
        sum(day["quota_used"] for day in report_body["outcomes"]["by_day"])
        == words["sent"] + report_body["unknown"]["opened"]
    )
    assert report_body["policy"]["content_blocked"] == 1
    assert report_body["suppressions"]["added"] == [{"source": "keyword", "kind": "opt_out", "count": 1}]
    assert report_body["suppressions"]["measured"] == 1
    assert report_body["suppressions"]["sent_after_effect"] == 0
    assert report_body["suppressions"]["slowest_seconds"] < 15
    purposes = {one["purpose"]: one["sent"] for one in report_body["outcomes"]["by_purpose"]}
    assert purposes["transactional"] == 1
    assert purposes["support"] == words["sent"] - 1
    in_range = await gateway.records(account_id=integration.account_id)
    assert report_body["record"]["count"] <= len(in_range)


async def test_reading_a_report_is_recorded_with_its_digest(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    report_body = await report(gateway, integration)

    [read] = await gateway.wait_for_records(type="report.read", account_id=integration.account_id)

    assert (read["actor"], read["details"]["format"]) == ("admin", "json")
    assert read["details"]["sha256"] == report_body["proof"]["sha256"]


async def test_a_report_is_proven_and_signed_as_a_whole(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    keys = public_keys_from((await gateway.done("GET", "/audit/keys"))["keys"])

    report_body = await report(gateway, integration)

    assert report_body["verification"]["state"] == "proven"
    assert report_body["verification"]["recomputed"] >= report_body["record"]["count"] > 0
    assert report_problem(report_body, keys) is None
    assert report_problem(report_body | {"generated_by": "somebody else"}, keys) is not None


async def test_the_record_of_a_refusal_names_the_opt_out_behind_it(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    leaver = await gateway.a_customer_who_wrote(integration)
    await gateway.whatsapp.inbound(integration.number, leaver.removeprefix("+"), "STOP")
    answers: list[Answer] = []

    async def stopped() -> bool:
        answers.append(await gateway.reply(integration, leaver))
        return answers[-1].result == "recipient_suppressed"

    assert await eventually(stopped, pause=0.2)

    async def explained() -> dict[str, Any] | None:  # audit records behind the answer
        shown: dict[str, Any] = await gateway.done("GET", f"/events/{answers[-1].event_id}")
        return shown if shown["suppressions"] else None

    await gateway.wait_for_records(event_id=answers[-1].event_id, type="webhook.answered")
    shown = await eventually(explained)
    assert shown is not None
    [suppression] = shown["suppressions"]
    assert (suppression["kind"], suppression["source"]) == ("opt_out", "keyword")
    asked, taken = (datetime.fromisoformat(suppression[name]) for name in ("asked_at", "recorded_at"))
    assert asked <= taken
    recorded = await gateway.records(account_id=integration.account_id, type="suppression.added")
    assert suppression["record_id"] == recorded[0]["id"]


async def test_a_reused_key_leads_to_the_first_request(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    first = await gateway.post(integration, {"event_type": "test"}, Idempotency_Key="one")

    other = await gateway.post(integration, {"event_type": "queue_event"}, Idempotency_Key="one")

    assert other.result == "idempotency_key_reused"
    assert other.body["details"]["first_event_id"] == first.event_id


@pytest.mark.parametrize(
    ("form", "begins"), [("pdf", b"%PDF-"), ("html", b"<!doctype html>"), ("csv", b"\xef\xbb\xbf")]
)
async def test_every_report_format_is_complete(gateway: Gateway, form: str, begins: bytes) -> None:
    integration = await gateway.create_integration(account={"name": "<b>Acme</b>", "business_name": "=عيادة"})
    today = datetime.now(UTC).date()

    answer = await gateway.api(
        "GET",
        "/reports/compliance",
        account_id=integration.account_id,
        from_=today,
        to=today + timedelta(days=1),
        format=form,
    )

    assert answer.status == 200
    assert answer.content.startswith(begins)
    keys = public_keys_from((await gateway.done("GET", "/audit/keys"))["keys"])
    problem_of = pdf_problem if form == "pdf" else text_problem
    assert await asyncio.to_thread(problem_of, answer.content, keys) is None
    assert b"<b>Acme" not in answer.content or form == "csv"


async def test_a_simulation_is_what_happens_next_and_changes_nothing(gateway: Gateway) -> None:
    integration = await gateway.create_integration(account={"daily_limit": 1})
    customer, stranger = await gateway.a_customer_who_wrote(integration), gateway.a_customer()

    async def simulated(to: str) -> dict[str, Any]:
        asked = {"integration_id": integration.id, "event": outbound(to)}
        return await gateway.done("POST", "/policy/simulate", asked)

    async def known() -> bool:
        return bool((await simulated(customer))["approved"])

    await eventually(known, pause=0.6)  # thirty a minute are allowed
    before = [await simulated(customer) for _ in range(3)]
    refused = await simulated(stranger)
    real = [await gateway.reply(integration, customer), await gateway.reply(integration, stranger)]
    after = await simulated(customer)

    assert [report_body["approved"] for report_body in before] == [True] * 3
    assert [answer.result for answer in real] == ["sent", refused["code"]]
    assert after["code"] == "daily_message_limit_exceeded"
    assert [line_["passed"] for line_ in refused["receipt"]][-1] is False
    assert refused["fix"]
    assert len(await gateway.whatsapp.messages(phone_number_id=integration.number)) == 1

    async def approval() -> dict[str, Any] | None:  # audit records behind the answer
        story = (await gateway.done("GET", f"/events/{real[0].event_id}"))["items"]
        return next((record for record in story if record["type"] == "message.approved"), None)

    approved = await eventually(approval)
    assert approved is not None
    assert [r["rule"] for r in approved["details"]["receipt"]] == [r["rule"] for r in before[0]["receipt"]]
