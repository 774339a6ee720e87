"""Scenario 17: WhatsApp throttles, fails, hangs, or sends invalid answers; no message is sent twice."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.e2e import scenarios
from tests.e2e.driver import Answer, Gateway, gather_answers
from tests.e2e.ledger_check import final_answers, ledger_check
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, FaultStep, Match

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALL_SECONDS = 5
"""`GATEWAY_PROVIDER_TIMEOUT` of these tests."""


@dataclass(frozen=True, slots=True)
class Case:
    """A fault that hits every call (or the first `times`), the expected answer, and the number of calls."""

    fault: Fault
    result: str
    calls: int
    outcome: str | None = None
    times: int | None = None
    accepted: int = 0


UNKNOWN, FAILED = "unknown", "failed"
CASES = {
    "429 with a long Retry-After is passed on": Case(
        Fault(kind="throttle", retry_after=40), "sending_throttled", calls=1
    ),
    "429 with a short Retry-After is smoothed over": Case(
        Fault(kind="throttle", retry_after=1), "sent", calls=2, times=1, accepted=1
    ),
    "429 without a word of Meta's": Case(
        Fault(kind="http_status", http_status=429, retry_after=30), "sending_throttled", calls=1
    ),
    "the pair is too fast": Case(Fault(kind="error", code=131056), "sending_throttled", calls=1),
    "an error that passes is tried again": Case(Fault(kind="error", code=131016), "sent", calls=2, times=1, accepted=1),
    "an error that stays ends the tries": Case(
        Fault(kind="error", code=131000), "gateway_send_failed", calls=3, outcome=FAILED
    ),
    "500 without a word of Meta's": Case(
        Fault(kind="http_status", http_status=500), "gateway_send_failed", calls=1, outcome=UNKNOWN
    ),
    "503 without a word of Meta's": Case(
        Fault(kind="http_status", http_status=503, retry_after=1), "gateway_send_failed", calls=1, outcome=UNKNOWN
    ),
    "no answer": Case(Fault(kind="hang"), "gateway_send_failed", calls=1, outcome=UNKNOWN),
    "an answer after our time is up": Case(
        Fault(kind="late", seconds=CALL_SECONDS + 1), "gateway_send_failed", calls=1, outcome=UNKNOWN, accepted=1
    ),
    "the line closes before the answer, not taken": Case(
        Fault(kind="drop_before"), "gateway_send_failed", calls=1, outcome=UNKNOWN
    ),
    "the line is reset after it was taken": Case(
        Fault(kind="drop_after"), "gateway_send_failed", calls=1, outcome=UNKNOWN, accepted=1
    ),
    "200 with a web page": Case(Fault(kind="garbage"), "gateway_send_failed", calls=1, outcome=UNKNOWN, accepted=1),
    "half an answer": Case(Fault(kind="truncated"), "gateway_send_failed", calls=1, outcome=UNKNOWN, accepted=1),
    "an answer that trickles": Case(Fault(kind="slow_body", seconds=1), "sent", calls=1, accepted=1),
    "undeliverable": Case(Fault(kind="error", code=131026), "gateway_send_failed", calls=1, outcome=FAILED),
    "an unknown code": Case(Fault(kind="error", code=999999), "gateway_send_failed", calls=1, outcome=FAILED),
    "the window is closed": Case(Fault(kind="error", code=131047), "conversation_window_closed", calls=1),
    "the customer stopped it there": Case(Fault(kind="error", code=131050), "recipient_suppressed", calls=1),
    "the account is restricted": Case(Fault(kind="error", code=368), "policy_violation", calls=1),
    "the number is restricted": Case(Fault(kind="error", code=131048), "policy_violation", calls=1),
}


@pytest_asyncio.fixture(loop_scope="session")
async def no_statuses(gateway: Gateway) -> AsyncIterator[None]:
    """WhatsApp reports nothing afterwards, which would settle what the call left open."""
    await gateway.whatsapp.configure(statuses={"enabled": False})
    yield
    await gateway.whatsapp.configure(statuses={"enabled": True})


@pytest.mark.usefixtures("no_statuses")
async def test_each_fault_has_its_verdict_and_no_message_is_sent_twice(gateway: Gateway) -> None:
    integrations = {name: await gateway.create_integration() for name in CASES}
    people = {name: await gateway.a_customer_who_wrote(integration) for name, integration in integrations.items()}
    await gateway.whatsapp.script(
        *(
            FaultStep(match=Match(phone_number_id=integrations[name].number, times=case.times), fault=case.fault)
            for name, case in CASES.items()
        )
    )

    first = await gather_answers(*(gateway.reply(integrations[name], people[name]) for name in CASES))
    answers = await final_answers(gateway, zip(integrations.values(), first, strict=True))
    findings = await ledger_check(gateway, integrations.values(), answers)
    await gateway.whatsapp.clear_script()

    answered = dict(zip(CASES, answers.values(), strict=True))
    wrong = {
        name: (answered[name].result, answered[name].details)
        for name, case in CASES.items()
        if not _as_expected(case, answered[name])
    }
    calls = {
        name: len(await gateway.whatsapp.requests(phone_number_id=integration.number))
        for name, integration in integrations.items()
    }
    taken = {
        name: len(await gateway.whatsapp.messages(phone_number_id=integration.number))
        for name, integration in integrations.items()
    }
    passed = not wrong and findings.holds
    scenarios.report(
        "17 provider faults", passed=passed, cases=len(CASES), calls=sum(calls.values()), **findings.figures
    )
    assert wrong == {}
    assert calls == {name: case.calls for name, case in CASES.items()}
    assert taken == {name: case.accepted for name, case in CASES.items()}
    assert findings.holds, findings.faults


def _as_expected(case: Case, answer: Answer) -> bool:
    return answer.result == case.result and (case.outcome is None or answer.details.get("outcome") == case.outcome)


async def test_a_retry_waits_at_least_for_retry_after(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    people = [gateway.a_customer() for _ in range(3)]
    await gateway.customers_write(integration, people)
    await gateway.whatsapp.script(
        FaultStep(match=Match(phone_number_id=integration.number, times=1), fault=Fault(kind="throttle", retry_after=3))
    )

    throttled = await gateway.reply(integration, people[0])
    meanwhile = await gateway.reply(integration, people[1])

    async def goes_again() -> bool:
        return (await gateway.reply(integration, people[2])).result == "sent"

    await eventually(goes_again, seconds=10, pause=0.2)
    requests = await gateway.whatsapp.requests(phone_number_id=integration.number)
    assert throttled.headers["Retry-After"] == "3"
    assert meanwhile.result in {"sending_throttled", "sent"}  # sent: the hold's last two seconds are smoothed over
    assert requests[1].at - requests[0].at >= 3


async def test_a_window_that_whatsapp_reports_closed_stays_closed_until_the_customer_writes(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    await gateway.whatsapp.script(
        FaultStep(match=Match(phone_number_id=integration.number, times=1), fault=Fault(kind="error", code=131047))
    )

    learnt = await gateway.reply(integration, customer)
    known = await gateway.reply(integration, customer)
    calls = len(await gateway.whatsapp.requests(phone_number_id=integration.number))
    # WhatsApp's clock knows whole seconds: a message of the closing's own second counts as older.
    await gateway.customers_write(integration, [customer], timestamp=int(time.time()) + 1)

    async def open_again() -> bool:
        return (await gateway.reply(integration, customer)).result == "sent"

    assert (learnt.result, known.result, calls) == ("conversation_window_closed", "conversation_window_closed", 1)
    await eventually(open_again, seconds=20)


async def test_a_failing_number_opens_its_circuit_breaker_and_is_probed(gateway: Gateway) -> None:
    integrations = [await gateway.create_integration()]
    integrations += [
        await gateway.add_integration(integrations[0].account_id, integrations[0].instance_id, integrations[0].number)
        for _ in range(2)
    ]
    people = [gateway.a_customer() for _ in range(60)]
    await gateway.customers_write(integrations[0], people)
    await gateway.whatsapp.script(
        FaultStep(match=Match(phone_number_id=integrations[0].number), fault=Fault(kind="drop_before"))
    )

    answers = [await gateway.reply(integrations[n % 3], customer) for n, customer in enumerate(people)]
    calls = len(await gateway.whatsapp.requests(phone_number_id=integrations[0].number))
    await gateway.whatsapp.clear_script()

    async def works() -> bool:
        return (await gateway.reply(integrations[0], people[0])).result == "sent"

    assert {answer.result for answer in answers} == {"gateway_send_failed"}
    assert calls < 40  # two senders, ten calls each until their circuits open, then one probe at a time
    assert answers[-1].details["reason"] == "circuit_open"
    await eventually(works, seconds=20, pause=0.5)
