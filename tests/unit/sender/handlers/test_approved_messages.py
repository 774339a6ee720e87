"""Every delivery of an event is answered, and the message is sent once."""

import asyncio

from tests.unit.sender.gateway import EVENT, Gateway, answer_in, approved, received


async def test_a_repeated_event_gets_the_same_answer_and_sends_nothing() -> None:
    gateway = Gateway()

    first = await gateway.answered(approved())
    second = await gateway.answered(approved(reply_to="ingress-2"))

    assert (second.code, second.message_id) == (first.code, first.message_id)
    assert second.reply_to == "ingress-2"
    assert len(gateway.provider.offered) == 1


async def test_twins_in_one_process_wait_for_one_call_and_each_is_answered() -> None:
    gateway = Gateway()
    gateway.provider.gate = asyncio.Event()
    handler = gateway.handler()
    twins = [asyncio.ensure_future(handler(received(approved(reply_to=f"ingress-{n}")))) for n in (1, 2)]
    while not gateway.provider.offered:
        await asyncio.sleep(0)

    gateway.provider.gate.set()
    answers = [answer_in(said) for said in await asyncio.gather(*twins)]

    assert [a.reply_to for a in answers] == ["ingress-1", "ingress-2"]
    assert {a.message_id for a in answers} == {"wamid.1"}
    assert len(gateway.provider.offered) == 1


async def test_a_delivery_that_is_cancelled_does_not_cancel_the_call() -> None:
    gateway = Gateway()
    gateway.provider.gate = asyncio.Event()
    handler = gateway.handler()
    delivery = asyncio.ensure_future(handler(received(approved())))
    while not gateway.provider.offered:
        await asyncio.sleep(0)

    delivery.cancel()
    gateway.provider.gate.set()
    await handler.wait_until_idle()

    assert delivery.cancelled()
    assert gateway.ledger.entries[str(EVENT)].state == "finished"
