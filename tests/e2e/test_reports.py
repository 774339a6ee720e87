"""A report after a scripted day says what its driver did; a simulation says what then happens, and changes nothing."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.driver import Answer, Gateway, Line, outbound
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, Match, Step

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCAM = "CASINO!!! You won 1,000,000 USD, claim your jackpot at http://bit.ly/win now, 100% free spins, bet today"


async def played(gateway: Gateway, line: Line) -> tuple[list[Answer], Counter[str]]:
    """A day: what was answered, and how often a request was turned away at the door for which reason."""
    customer, leaver, dropped = [await gateway.a_writer(line) for _ in range(3)]
    answers = [await gateway.post(line, {"event_type": "test"})]
    answers += [await gateway.reply(line, customer) for _ in range(3)]
    answers.append(await gateway.reply(line, customer, message_purpose="transactional"))
    answers.append(await gateway.reply(line, customer, message_purpose="marketing"))
    answers.append(await gateway.reply(line, customer, SCAM))
    answers.append(await gateway.reply(line, gateway.a_customer()))
    answers.append(await gateway.reply(line, "101"))
    answers.append(await gateway.post(line, {"event_type": "call_started", "caller": customer}))
    answers.append(await gateway.post(line, b"{"))
    await gateway.whatsapp.inbound(line.number, leaver.removeprefix("+"), "STOP")

    async def stopped() -> bool:
        answers.append(await gateway.reply(line, leaver))
        return answers[-1].word == "recipient_suppressed"

    async def confirmed() -> bool:
        return any("START" in m.text for m in await gateway.whatsapp.messages(phone_number_id=line.number))

    assert await eventually(stopped, pause=0.2)
    assert await eventually(confirmed)
    here = Match(phone_number_id=line.number, times=1)
    await gateway.whatsapp.script(Step(match=here, fault=Fault(kind="error", code=131026)))
    answers.append(await gateway.reply(line, customer))
    await gateway.whatsapp.script(Step(match=here, fault=Fault(kind="drop_before")))
    answers.append(await gateway.final(line, await gateway.reply(line, dropped)))
    rejected = [await gateway.post(line, {"event_type": "test"}, secret="wrong") for _ in range(2)]
    assert {answer.status for answer in rejected} == {401}
    return answers, Counter({"wrong_secret": 2})


async def report(gateway: Gateway, line: Line, **query: Any) -> dict[str, Any]:
    """Today's, in the account's time zone; at midnight yesterday's as well."""
    today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Riyadh")).date()
    period = {"from_": today - timedelta(days=1), "to": today + timedelta(days=1)}
    return await gateway.done("GET", "/reports/compliance", account_id=line.account_id, **(period | query))


async def test_a_report_after_a_day_equals_what_the_driver_did(gateway: Gateway) -> None:
    line = await gateway.open_line()
    answers, rejected = await played(gateway, line)
    words = Counter(answer.word for answer in answers)

    async def complete() -> dict[str, Any] | None:
        told = await report(gateway, line)
        counted = {o["code"]: o["count"] for o in told["outcomes"]["by_code"]}
        return told if counted == words and told["authentication"]["requests"] == rejected.total() else None

    told = await eventually(complete, seconds=20, pause=0.3)

    assert told is not None
    assert {one["name"]: one["count"] for one in told["authentication"]["by_reason"]} == rejected
    messages = await gateway.whatsapp.messages(phone_number_id=line.number)
    confirmations = sum(one["count"] for one in told["outcomes"]["confirmations"])
    assert confirmations == 1
    assert told["delivery"]["sent"] == words["sent"] + confirmations == len(messages)
    assert sum(day["quota_used"] for day in told["outcomes"]["by_day"]) == words["sent"] + told["unknown"]["opened"]
    assert told["policy"]["content_blocked"] == 1
    assert told["suppressions"]["added"] == [{"source": "keyword", "kind": "opt_out", "count": 1}]
    assert told["suppressions"]["measured"] == 1
    assert told["suppressions"]["sent_after_effect"] == 0
    assert told["suppressions"]["slowest_seconds"] < 15
    purposes = {one["purpose"]: one["sent"] for one in told["outcomes"]["by_purpose"]}
    assert purposes["transactional"] == 1
    assert purposes["support"] == words["sent"] - 1
    in_range = await gateway.records(account_id=line.account_id)
    assert told["record"]["count"] <= len(in_range)


async def test_reading_a_report_is_on_record_with_its_digest(gateway: Gateway) -> None:
    line = await gateway.open_line()
    told = await report(gateway, line)

    [read] = await gateway.recorded(type="report.read", account_id=line.account_id)

    assert (read["actor"], read["details"]["format"]) == ("admin", "json")
    assert read["details"]["sha256"] == told["proof"]["sha256"]


@pytest.mark.parametrize(
    ("form", "begins"), [("pdf", b"%PDF-"), ("html", b"<!doctype html>"), ("csv", b"\xef\xbb\xbf")]
)
async def test_every_form_comes_whole(gateway: Gateway, form: str, begins: bytes) -> None:
    line = await gateway.open_line(account={"name": "<b>Acme</b>", "business_name": "=عيادة"})
    today = datetime.now(UTC).date()

    answer = await gateway.api(
        "GET", "/reports/compliance", account_id=line.account_id, from_=today, to=today + timedelta(days=1), format=form
    )

    assert answer.status == 200
    assert answer.content.startswith(begins)
    assert b"<b>Acme" not in answer.content or form == "csv"


async def test_a_simulation_is_what_happens_next_and_changes_nothing(gateway: Gateway) -> None:
    line = await gateway.open_line(account={"daily_limit": 1})
    customer, stranger = await gateway.a_writer(line), gateway.a_customer()

    async def simulated(to: str) -> dict[str, Any]:
        asked = {"integration_id": line.id, "event": outbound(to)}
        return await gateway.done("POST", "/policy/simulate", asked)

    async def known() -> bool:
        return bool((await simulated(customer))["approved"])

    await eventually(known, pause=0.2)
    before = [await simulated(customer) for _ in range(3)]
    refused = await simulated(stranger)
    real = [await gateway.reply(line, customer), await gateway.reply(line, stranger)]
    after = await simulated(customer)

    assert [told["approved"] for told in before] == [True] * 3
    assert [answer.word for answer in real] == ["sent", refused["code"]]
    assert after["code"] == "daily_message_limit_exceeded"
    assert [line_["passed"] for line_ in refused["receipt"]][-1] is False
    assert refused["fix"]
    assert len(await gateway.whatsapp.messages(phone_number_id=line.number)) == 1
    story = (await gateway.done("GET", f"/events/{real[0].event_id}"))["items"]
    approved = next(record for record in story if record["type"] == "message.approved")
    assert [r["rule"] for r in approved["details"]["receipt"]] == [r["rule"] for r in before[0]["receipt"]]
