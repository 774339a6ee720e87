"""The simulator's webhooks: statuses and customers' messages, signed, in order and again."""

import asyncio
import time

import orjson
import pytest

from tests.integration.simulator.world import CUSTOMER, NUMBER, SECRET, Callback, WhatsApp, running, until
from tools.simulator.app import simulator_app
from tools.simulator.behaviour import Behaviour
from tools.simulator.client import SimulatorError
from tools.simulator.simulator_state import SimulatorSettings
from tools.simulator.webhook_payloads import Inbound, signature_of


async def test_statuses_follow_signed_in_order_with_the_callback_data(whatsapp: WhatsApp, callback: Callback) -> None:
    _, answer = await whatsapp.send(biz_opaque_callback_data="gw1:1")

    await until(lambda: len(callback.statuses) == 3)

    assert [status["status"] for status in callback.statuses] == ["sent", "delivered", "read"]
    assert {status["id"] for status in callback.statuses} == {answer["messages"][0]["id"]}
    assert {status["biz_opaque_callback_data"] for status in callback.statuses} == {"gw1:1"}
    assert callback.signatures == [signature_of(body, SECRET) for body in callback.bodies]


@pytest.mark.parametrize(
    ("modes", "kinds"),
    [
        pytest.param(["reversed"], ["read", "delivered", "sent"], id="reversed"),
        pytest.param(["doubled"], ["sent", "sent", "delivered", "delivered", "read", "read"], id="doubled"),
        pytest.param(["batched"], ["sent", "delivered", "read"], id="batched"),
        pytest.param(["late"], ["sent", "delivered", "read"], id="late"),
    ],
)
async def test_statuses_arrive_as_the_modes_say(
    whatsapp: WhatsApp, callback: Callback, modes: list[str], kinds: list[str]
) -> None:
    await whatsapp.control.configure(statuses={"modes": modes, "late_seconds": 0.2})
    started = time.monotonic()

    await whatsapp.send()

    await until(lambda: len(callback.statuses) == len(kinds))
    assert [status["status"] for status in callback.statuses] == kinds
    assert (len(callback.bodies) == 1) is ("batched" in modes)
    assert (callback.times[0] - started >= 0.2) is ("late" in modes)


async def test_an_early_status_arrives_before_the_sends_own_answer(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.configure(statuses={"modes": ["early"], "delays": [9.0]})

    await whatsapp.send()

    assert [status["status"] for status in callback.statuses] == ["sent"]


async def test_no_status_comes_when_they_are_off(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.configure(statuses={"enabled": False})

    await whatsapp.send()

    assert (await whatsapp.control.stats()).webhooks == {"pending": 0}
    assert callback.bodies == []


async def test_a_webhook_is_posted_again_until_it_is_taken(whatsapp: WhatsApp, callback: Callback) -> None:
    callback.refusals = 3

    posted = await whatsapp.control.write(Inbound(phone_number_id=NUMBER, sender=CUSTOMER))

    assert posted.answers == (503,)
    await until(lambda: len(callback.bodies) == 1)
    assert len(callback.times) == 4
    waits = [later - earlier for earlier, later in zip(callback.times, callback.times[1:], strict=False)]
    assert [wait >= least for wait, least in zip(waits, (0.016, 0.032, 0.064), strict=True)] == [True] * 3


async def test_a_webhook_that_is_never_taken_is_given_up(whatsapp: WhatsApp, callback: Callback) -> None:
    callback.refusals = 100

    await whatsapp.control.inbound(NUMBER, CUSTOMER)

    await until(lambda: len(callback.times) == 5)
    async with asyncio.timeout(15):
        while (stats := await whatsapp.control.stats()).webhooks["pending"]:
            await asyncio.sleep(0.01)
    assert stats.webhooks["given_up"] == 1
    assert len(callback.times) == 5


async def test_a_batch_of_customers_comes_in_one_post_and_again_in_the_same_bytes(
    whatsapp: WhatsApp, callback: Callback
) -> None:
    people = [
        Inbound(phone_number_id=NUMBER, sender="+966500000001", text="STOP", timestamp=1_700_000_000),
        Inbound(phone_number_id="2", user_id="US.1", username="sam", type="image", wamid="wamid.mine"),
    ]

    posted = await whatsapp.control.write(*people, shape="entries", times=3)

    assert posted.answers == (200, 200, 200)
    assert posted.wamids[1] == "wamid.mine"
    assert len(callback.bodies) == 3
    assert len(set(callback.bodies)) == 1
    assert len(orjson.loads(callback.bodies[0])["entry"]) == 2
    first, second = callback.values[:2]
    assert first["messages"][0]["timestamp"] == "1700000000"
    assert first["messages"][0]["from"] == first["contacts"][0]["wa_id"] == "966500000001"
    assert second["messages"][0]["type"] == "image"
    assert "from" not in second["messages"][0]
    assert second["contacts"][0]["profile"]["username"] == "sam"


async def test_a_raw_webhook_can_be_signed_right_wrong_or_not_at_all(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.webhook(body="{ not json")
    await whatsapp.control.webhook({"entry": []}, signature="wrong")
    await whatsapp.control.webhook({"entry": []}, signature="missing")

    assert callback.bodies == [b"{ not json", b'{"entry":[]}', b'{"entry":[]}']
    right, wrong, none = callback.signatures
    assert right == signature_of(b"{ not json", SECRET)
    assert wrong not in {None, signature_of(b'{"entry":[]}', SECRET)}
    assert none is None


async def test_a_status_can_be_reported_by_hand(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.configure(statuses={"enabled": False})
    _, answer = await whatsapp.send(biz_opaque_callback_data="gw1:1")

    await whatsapp.control.status(answer["messages"][0]["id"], "failed", code=131026)

    (status,) = callback.statuses
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131026)
    assert status["biz_opaque_callback_data"] == "gw1:1"


async def test_the_handshake_shows_whether_the_token_is_right(whatsapp: WhatsApp) -> None:
    assert await whatsapp.control.verify("verify-me")
    assert not await whatsapp.control.verify("something else")


async def test_writing_in_without_a_webhook_url_is_an_error() -> None:
    async with running(SimulatorSettings()) as simulator:
        with pytest.raises(SimulatorError, match="webhook_urls"):
            await simulator.control.inbound(NUMBER, CUSTOMER)


async def test_webhooks_are_never_sent_unsigned_by_mistake() -> None:
    with pytest.raises(ValueError, match="app secret"):
        simulator_app(SimulatorSettings(behaviour=Behaviour(webhook_urls=("http://127.0.0.1:1/",))))

    async with running(SimulatorSettings()) as simulator:
        with pytest.raises(SimulatorError, match="app secret"):
            await simulator.control.configure(webhook_urls=["http://127.0.0.1:1/"])
