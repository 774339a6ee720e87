"""Several replicas: rate limits, idempotency keys and configuration changes apply across all of them."""

import asyncio
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.e2e.driver import Gateway, gather_answers, outbound, sum_of_samples
from tests.e2e.ledger_check import final_answers, ledger_check
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, FaultStep, Match

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEST = {"event_type": "test"}


async def test_sixty_requests_a_minute_are_allowed_across_all_replicas(gateway: Gateway) -> None:
    integration, other = await gateway.create_integration(), await gateway.create_integration()

    answers = await gather_answers(*(gateway.post(integration, TEST) for _ in range(80)))
    refused = [answer for answer in answers if answer.status != 200]
    neighbour = await gateway.post(other, TEST)

    assert Counter(answer.result for answer in answers) == {"ok": 60, "webhook_rate_limited": 20}
    assert all(50 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
    assert all(answer.details["limit"] == 60 for answer in refused)
    assert neighbour.result == "ok"


async def test_the_rate_limit_window_slides(gateway: Gateway) -> None:
    """A fixed window would promise room for all at once; a sliding one waits for each request to grow old."""
    integration = await gateway.create_integration()
    loop = asyncio.get_running_loop()
    await gather_answers(*(gateway.post(integration, TEST) for _ in range(30)))
    first = loop.time()

    async def three_seconds_later() -> bool:
        return loop.time() - first >= 3

    await eventually(three_seconds_later, pause=0.1)
    await gather_answers(*(gateway.post(integration, TEST) for _ in range(30)))
    refused = await gateway.post(integration, TEST)

    assert refused.result == "webhook_rate_limited"
    assert int(refused.headers["Retry-After"]) <= 60 - 2


async def test_a_repeated_request_gets_the_first_answer_and_sends_nothing(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    body = outbound(await gateway.a_customer_who_wrote(integration))

    first = await gateway.post(integration, body, Idempotency_Key="order-1", at=0)
    again = [await gateway.post(integration, body, Idempotency_Key="order-1", at=at) for at in (0, 1)]
    other_key = await gateway.post(integration, body, Idempotency_Key="order-2")
    other_body = await gateway.post(integration, body | {"message_text": "Another one"}, Idempotency_Key="order-1")

    assert first.result == "sent"
    assert {answer.content for answer in again} == {first.content}
    assert (other_key.result, other_key.event_id != first.event_id) == ("sent", True)
    assert (other_body.status, other_body.result) == (409, "idempotency_key_reused")
    assert len(await gateway.whatsapp.messages(phone_number_id=integration.number)) == 2


async def test_the_same_key_of_another_integration_is_another_key(gateway: Gateway) -> None:
    integrations = [await gateway.create_integration() for _ in range(2)]

    answers = [await gateway.post(integration, TEST, Idempotency_Key="same") for integration in integrations]

    assert [answer.result for answer in answers] == ["ok", "ok"]
    assert answers[0].event_id != answers[1].event_id


async def test_a_repeated_request_gets_the_same_refusal(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    body = outbound(gateway.a_customer())

    first = await gateway.post(integration, body, Idempotency_Key="k", at=0)
    again = await gateway.post(integration, body, Idempotency_Key="k", at=1)

    assert first.result == "conversation_window_closed"
    assert again.content == first.content


async def test_a_hundred_at_once_with_one_key_send_one_message(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    body = outbound(await gateway.a_customer_who_wrote(integration))
    await gateway.whatsapp.script(
        FaultStep(match=Match(phone_number_id=integration.number), fault=Fault(kind="late", seconds=0.5))
    )

    answers = await gather_answers(*(gateway.post(integration, body, Idempotency_Key="one") for _ in range(100)))

    taken = [answer for answer in answers if answer.status in {200, 202}]
    assert Counter(answer.result for answer in answers if answer not in taken) == {"webhook_rate_limited": 40}
    assert len({answer.event_id for answer in taken}) == 1
    final = await gateway.final_answer(integration, taken[0])
    assert final.result == "sent"
    [message] = await gateway.whatsapp.messages(phone_number_id=integration.number)
    assert message.id == final.body["message_id"]
    findings = await ledger_check(gateway, [integration], {final.event_id: final})
    assert findings.holds, findings.faults


async def test_messages_through_all_replicas_pass_the_ledger_check(gateway: Gateway) -> None:
    integrations = [await gateway.create_integration(account={"plan": "scale"}) for _ in range(5)]
    people = [[gateway.a_customer() for _ in range(10)] for _ in integrations]
    for integration, customers in zip(integrations, people, strict=True):
        await gateway.customers_write(integration, customers)
    before = {s: [await _handled(gateway, s, i) for i in range(2)] for s in ("policy", "sender")}

    answers = await gather_answers(
        *(
            gateway.reply(integration, customer, f"Part {n}")
            for n in range(5)
            for integration, customers in zip(integrations, people, strict=True)
            for customer in customers
        )
    )

    finals = await final_answers(
        gateway,
        zip([integration for _ in range(5) for integration in integrations for _ in range(10)], answers, strict=True),
    )
    assert Counter(answer.result for answer in finals.values()) == {"sent": 250}
    findings = await ledger_check(gateway, integrations, finals)
    assert findings.holds, findings.faults
    for service, counts in before.items():
        grown = [await _handled(gateway, service, i) - counts[i] for i in range(2)]
        assert min(grown) > 0, f"only one {service} worked: {grown}"


async def _handled(gateway: Gateway, service: str, index: int) -> float:
    url = gateway.stack.services[service][index].ready_url.replace("/readyz", "/metrics")
    return sum_of_samples(await gateway.page(url), "gateway_deliveries_total", settlement="ack")


async def test_an_operators_change_reaches_every_replica_within_seconds(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    assert (await gateway.reply(integration, customer)).result == "sent"

    async def everywhere(word: str, body: Mapping[str, object]) -> bool:
        """Four in a row, from both ingresses and most likely both policies."""
        return {
            answer.result for answer in await gather_answers(*(gateway.post(integration, body) for _ in range(4)))
        } == {word}

    await gateway.done("PATCH", f"/integrations/{integration.id}", {"outbound_enabled": False})
    await eventually(lambda: everywhere("outbound_disabled", outbound(customer)), seconds=15)
    await gateway.done("PATCH", f"/accounts/{integration.account_id}", {"threecx_enabled": False})
    await eventually(lambda: everywhere("module_not_enabled", outbound(customer)), seconds=15)
    await gateway.done("PATCH", f"/accounts/{integration.account_id}", {"threecx_enabled": True})
    await gateway.done("PATCH", f"/integrations/{integration.id}", {"outbound_enabled": True})
    await gateway.done(
        "PATCH", f"/accounts/{integration.account_id}/instances/{integration.instance_id}", {"paused": True}
    )
    await eventually(lambda: everywhere("policy_violation", outbound(customer)), seconds=15)
    await gateway.done("PATCH", f"/integrations/{integration.id}", {"enabled": False})
    await eventually(lambda: everywhere("invalid_3cx_webhook", TEST), seconds=15)
