"""Two of each: rates, keys and changes hold over all replicas together."""

import asyncio
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.e2e.driver import Gateway, all_of, outbound, sample
from tests.e2e.ledger_check import finals, ledger_check
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, Match, Step

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEST = {"event_type": "test"}


async def test_sixty_requests_a_minute_however_they_are_spread(gateway: Gateway) -> None:
    line, other = await gateway.open_line(), await gateway.open_line()

    answers = await all_of(*(gateway.post(line, TEST) for _ in range(80)))
    refused = [answer for answer in answers if answer.status != 200]
    neighbour = await gateway.post(other, TEST)

    assert Counter(answer.word for answer in answers) == {"ok": 60, "webhook_rate_limited": 20}
    assert all(50 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
    assert all(answer.details["limit"] == 60 for answer in refused)
    assert neighbour.word == "ok"


async def test_the_window_slides(gateway: Gateway) -> None:
    """A fixed window would promise room for all at once; a sliding one waits for each request to grow old."""
    line = await gateway.open_line()
    loop = asyncio.get_running_loop()
    await all_of(*(gateway.post(line, TEST) for _ in range(30)))
    first = loop.time()

    async def three_seconds_later() -> bool:
        return loop.time() - first >= 3

    await eventually(three_seconds_later, pause=0.1)
    await all_of(*(gateway.post(line, TEST) for _ in range(30)))
    refused = await gateway.post(line, TEST)

    assert refused.word == "webhook_rate_limited"
    assert int(refused.headers["Retry-After"]) <= 60 - 2


async def test_a_request_said_again_gets_the_first_answer_and_sends_nothing(gateway: Gateway) -> None:
    line = await gateway.open_line()
    body = outbound(await gateway.a_writer(line))

    first = await gateway.post(line, body, Idempotency_Key="order-1", at=0)
    again = [await gateway.post(line, body, Idempotency_Key="order-1", at=at) for at in (0, 1)]
    other_key = await gateway.post(line, body, Idempotency_Key="order-2")
    other_body = await gateway.post(line, body | {"message_text": "Another one"}, Idempotency_Key="order-1")

    assert first.word == "sent"
    assert {answer.content for answer in again} == {first.content}
    assert (other_key.word, other_key.event_id != first.event_id) == ("sent", True)
    assert (other_body.status, other_body.word) == (409, "idempotency_key_reused")
    assert len(await gateway.whatsapp.messages(phone_number_id=line.number)) == 2


async def test_the_same_key_of_another_integration_is_another_key(gateway: Gateway) -> None:
    lines = [await gateway.open_line() for _ in range(2)]

    answers = [await gateway.post(line, TEST, Idempotency_Key="same") for line in lines]

    assert [answer.word for answer in answers] == ["ok", "ok"]
    assert answers[0].event_id != answers[1].event_id


async def test_a_refusal_is_told_again_too(gateway: Gateway) -> None:
    line = await gateway.open_line()
    body = outbound(gateway.a_customer())

    first = await gateway.post(line, body, Idempotency_Key="k", at=0)
    again = await gateway.post(line, body, Idempotency_Key="k", at=1)

    assert first.word == "conversation_window_closed"
    assert again.content == first.content


async def test_a_hundred_at_once_with_one_key_send_one_message(gateway: Gateway) -> None:
    line = await gateway.open_line()
    body = outbound(await gateway.a_writer(line))
    await gateway.whatsapp.script(Step(match=Match(phone_number_id=line.number), fault=Fault(kind="late", seconds=0.5)))

    answers = await all_of(*(gateway.post(line, body, Idempotency_Key="one") for _ in range(100)))

    taken = [answer for answer in answers if answer.status in {200, 202}]
    assert Counter(answer.word for answer in answers if answer not in taken) == {"webhook_rate_limited": 40}
    assert len({answer.event_id for answer in taken}) == 1
    final = await gateway.final(line, taken[0])
    assert final.word == "sent"
    [message] = await gateway.whatsapp.messages(phone_number_id=line.number)
    assert message.id == final.body["message_id"]
    findings = await ledger_check(gateway, [line], {final.event_id: final})
    assert findings.holds, findings.faults


async def test_messages_through_all_replicas_hold_the_ledger(gateway: Gateway) -> None:
    lines = [await gateway.open_line(account={"plan": "scale"}) for _ in range(5)]
    people = [[gateway.a_customer() for _ in range(10)] for _ in lines]
    for line, customers in zip(lines, people, strict=True):
        await gateway.customers_write(line, customers)
    before = {s: [await _handled(gateway, s, i) for i in range(2)] for s in ("policy", "sender")}

    answers = await all_of(
        *(
            gateway.reply(line, customer, f"Part {n}")
            for n in range(5)
            for line, customers in zip(lines, people, strict=True)
            for customer in customers
        )
    )

    told = await finals(
        gateway, zip([line for _ in range(5) for line in lines for _ in range(10)], answers, strict=True)
    )
    assert Counter(answer.word for answer in told.values()) == {"sent": 250}
    findings = await ledger_check(gateway, lines, told)
    assert findings.holds, findings.faults
    for service, counts in before.items():
        grown = [await _handled(gateway, service, i) - counts[i] for i in range(2)]
        assert min(grown) > 0, f"only one {service} worked: {grown}"


async def _handled(gateway: Gateway, service: str, index: int) -> float:
    url = gateway.stack.services[service][index].ready_url.replace("/readyz", "/metrics")
    return sample(await gateway.page(url), "gateway_deliveries_total", settlement="ack")


async def test_a_change_of_an_operator_is_everywhere_within_seconds(gateway: Gateway) -> None:
    line = await gateway.open_line()
    customer = await gateway.a_writer(line)
    assert (await gateway.reply(line, customer)).word == "sent"

    async def everywhere(word: str, body: Mapping[str, object]) -> bool:
        """Four in a row, from both ingresses and most likely both policies."""
        return {answer.word for answer in await all_of(*(gateway.post(line, body) for _ in range(4)))} == {word}

    await gateway.done("PATCH", f"/integrations/{line.id}", {"outbound_enabled": False})
    await eventually(lambda: everywhere("outbound_disabled", outbound(customer)), seconds=15)
    await gateway.done("PATCH", f"/accounts/{line.account_id}", {"threecx_enabled": False})
    await eventually(lambda: everywhere("module_not_enabled", outbound(customer)), seconds=15)
    await gateway.done("PATCH", f"/accounts/{line.account_id}", {"threecx_enabled": True})
    await gateway.done("PATCH", f"/integrations/{line.id}", {"outbound_enabled": True})
    await gateway.done("PATCH", f"/accounts/{line.account_id}/instances/{line.instance_id}", {"paused": True})
    await eventually(lambda: everywhere("policy_violation", outbound(customer)), seconds=15)
    await gateway.done("PATCH", f"/integrations/{line.id}", {"enabled": False})
    await eventually(lambda: everywhere("invalid_3cx_webhook", TEST), seconds=15)
