"""Scripted faults and limits: each breaks the answer as it was told to."""

import asyncio
import time
from typing import Any

import aiohttp
import orjson
import pytest

from tests.integration.simulator.world import CUSTOMER, NUMBER, Callback, WhatsApp, until
from tools.simulator.faults import Fault, FaultStep, Match


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        pytest.param(Fault(kind="error", code=131047), 400, 131047, id="an error with its own status"),
        pytest.param(Fault(kind="error", code=190), 401, 190, id="a dead token"),
        pytest.param(Fault(kind="error", code=131026, http_status=200), 200, 131026, id="another status"),
        pytest.param(Fault(kind="throttle", retry_after=7), 400, 130429, id="a throttle"),
        pytest.param(Fault(kind="throttle", code=131056, retry_after=7), 400, 131056, id="a pair throttle"),
    ],
)
async def test_a_scripted_error_is_answered_in_metas_envelope(
    whatsapp: WhatsApp, fault: Fault, status: int, code: int
) -> None:
    await whatsapp.control.script(FaultStep(match=Match(times=1), fault=fault))

    async with whatsapp.post() as answer:
        told = await answer.json()
    after = await whatsapp.send()

    assert (answer.status, told["error"]["code"]) == (status, code)
    assert answer.headers.get("Retry-After") == (None if fault.retry_after is None else "7")
    assert after[0] == 200
    assert len(await whatsapp.control.messages()) == 1
    assert await whatsapp.control.fired() == [1]


@pytest.mark.parametrize("accepted", [False, True])
async def test_a_500_is_no_envelope_and_may_hide_a_message(whatsapp: WhatsApp, *, accepted: bool) -> None:
    await whatsapp.control.script(FaultStep(fault=Fault(kind="http_status", http_status=500, accepted=accepted)))

    async with whatsapp.post() as answer:
        body = await answer.text()

    assert answer.status == 500
    assert body.startswith("<!DOCTYPE html>")
    assert (await whatsapp.control.stats()).accepted == int(accepted)


@pytest.mark.parametrize(
    ("fault", "error", "accepted"),
    [
        pytest.param(Fault(kind="drop_before"), aiohttp.ServerDisconnectedError, 0, id="closed, not taken"),
        pytest.param(Fault(kind="drop_after"), aiohttp.ClientOSError, 1, id="reset, taken"),
        pytest.param(Fault(kind="truncated"), aiohttp.ClientPayloadError, 1, id="cut in the body, taken"),
        pytest.param(Fault(kind="garbage"), orjson.JSONDecodeError, 1, id="no JSON, taken"),
    ],
)
async def test_a_broken_answer_breaks_as_it_was_told(
    whatsapp: WhatsApp, fault: Fault, error: type[Exception], accepted: int
) -> None:
    await whatsapp.send()  # the line is warm, as a pooled one is
    await whatsapp.control.reset()
    await whatsapp.control.script(FaultStep(match=Match(times=1), fault=fault))

    with pytest.raises(error):
        await whatsapp.send()

    assert (await whatsapp.control.stats()).accepted == accepted
    assert (await whatsapp.send())[0] == 200


@pytest.mark.parametrize("kind", ["late", "slow_body"])
async def test_a_slow_answer_is_right_in_the_end(whatsapp: WhatsApp, kind: Any) -> None:
    await whatsapp.control.script(FaultStep(fault=Fault(kind=kind, seconds=0.5)))
    started = time.monotonic()

    sending = asyncio.create_task(whatsapp.send())
    (message,) = await whatsapp.control.wait_for_messages(1)
    answered = sending.done()
    status, answer = await sending

    assert not answered
    assert time.monotonic() - started >= 0.45
    assert (status, answer["messages"][0]["id"]) == (200, message.id)


async def test_a_hanging_send_is_never_answered_until_the_script_ends(whatsapp: WhatsApp) -> None:
    await whatsapp.control.script(FaultStep(fault=Fault(kind="hang")))

    sending = asyncio.create_task(whatsapp.send())
    done, _ = await asyncio.wait({sending}, timeout=0.3)
    await whatsapp.control.clear_script()

    assert not done
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(sending, 15)
    assert (await whatsapp.control.stats()).outcomes == {"fault:hang": 1}
    assert (await whatsapp.send())[0] == 200


async def test_a_hanging_caller_who_leaves_is_let_go(whatsapp: WhatsApp) -> None:
    await whatsapp.control.configure(statuses={"enabled": False})
    await whatsapp.control.script(FaultStep(match=Match(times=1), fault=Fault(kind="hang", accepted=True)))
    before = len(asyncio.all_tasks())

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(whatsapp.send(), 0.1)

    await until(lambda: len(asyncio.all_tasks()) <= before)
    assert (await whatsapp.control.stats()).accepted == 1
    assert (await whatsapp.send())[0] == 200


async def test_a_message_can_be_accepted_and_fail_by_webhook(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.script(FaultStep(fault=Fault(kind="failed_status", code=131047)))

    status, _ = await whatsapp.send()

    assert status == 200
    await until(lambda: len(callback.statuses) == 1)
    assert callback.statuses[0]["errors"][0]["code"] == 131047


async def test_the_pair_limit_holds_when_it_is_on(whatsapp: WhatsApp) -> None:
    await whatsapp.control.configure(pair={"enabled": True, "burst": 2})

    answers = [await whatsapp.send() for _ in range(3)]
    other = await whatsapp.send(to="966500000002")

    assert [status for status, _ in answers] == [200, 200, 400]
    assert answers[2][1]["error"]["code"] == 131056
    assert other[0] == 200


async def test_a_closed_window_shows_in_the_answer_or_in_a_status(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.configure(window="answer")
    in_answer = await whatsapp.send()
    await whatsapp.control.configure(window="status")
    in_status = await whatsapp.send()
    await until(lambda: len(callback.statuses) == 1)
    await whatsapp.control.configure(window="answer", statuses={"enabled": False})
    await whatsapp.control.inbound(NUMBER, CUSTOMER)

    opened = await whatsapp.send()

    assert (in_answer[0], in_answer[1]["error"]["code"]) == (400, 131047)
    assert in_status[0] == 200
    assert callback.statuses[0]["errors"][0]["code"] == 131047
    assert opened[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "order"),
    [
        pytest.param("POST", "script", b'{"steps":[{"fault":{"kind":"explode"}}]}', id="an unknown fault"),
        pytest.param("POST", "script", b"{", id="no JSON"),
        pytest.param("POST", "inbound", b"{", id="no JSON either"),
        pytest.param("POST", "inbound", b'{"phone":"1"}', id="an unknown field"),
        pytest.param("POST", "inbound", b"[]", id="a list"),
        pytest.param("POST", "config", b'{"statuses":{"mode":"late"}}', id="an unknown setting"),
        pytest.param("GET", "messages?form=1", None, id="an unknown filter"),
        pytest.param("GET", "messages?limit=many", None, id="a limit that is no number"),
    ],
)
async def test_an_order_that_cannot_be_read_is_refused(
    whatsapp: WhatsApp, method: str, path: str, order: bytes | None
) -> None:
    async with whatsapp.session.request(method, f"{whatsapp.url}/_control/{path}", data=order) as answer:
        told = await answer.json()

    assert answer.status == 400
    assert told["error"] == "invalid_order"
    assert told["faults"]
