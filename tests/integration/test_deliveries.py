"""Sender's handler and Cloud API adapter against the simulator, over real sockets: what was asked, answered, taken."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from aiohttp import web

from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerCode, AnswerStatus
from libs.providers.cloud_api.client import CloudApiSender
from libs.providers.http import open_session
from services.sender.handlers.deliveries import DeliverMessage
from tests.contract.providers.http_server import sender_options
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.gateway import Gateway, a_number, approved
from tools.simulator.app import simulator_runner
from tools.simulator.client import SimulatorClient
from tools.simulator.faults import Fault, FaultStep, Match
from tools.simulator.simulator_state import SimulatorSettings

TIMEOUT_S = 0.5


@dataclass
class Line:
    """A sender and the simulator that it calls."""

    gateway: Gateway
    deliver: DeliverMessage
    whatsapp: SimulatorClient


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    runner = simulator_runner(SimulatorSettings(app_secret="app-secret", access_tokens=("made-up-token",)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    gateway = Gateway(numbers=FakeNumbers((a_number(sealed_token="made-up-token"),)))
    async with open_session(timeout_s=TIMEOUT_S, connections=8) as session, SimulatorClient(url) as whatsapp:
        api = CloudApiSender(sender_options(session, url, clock=gateway.world.clock))
        deliver = gateway.process()
        prepare = replace(deliver.prepare, providers={"cloud_api": api})
        yield Line(gateway, replace(deliver, prepare=prepare), whatsapp)
    await runner.cleanup()


async def test_a_message_reaches_whatsapp_with_our_callback(line: Line) -> None:
    result = await line.deliver(approved(customer="+966500000001", text="Your order is ready"))

    [taken] = await line.whatsapp.messages()
    [claim] = line.gateway.ledger.claims
    assert (result.code, result.message_id) == (AnswerStatus.SENT, taken.id)
    assert (taken.to, taken.text, taken.callback) == ("966500000001", "Your order is ready", claim.callback_id)


FAULTS = [
    pytest.param(Fault(kind="error", code=131047), ErrorCode.CONVERSATION_WINDOW_CLOSED, 1, 0, id="a closed window"),
    pytest.param(Fault(kind="error", code=131026), ErrorCode.GATEWAY_SEND_FAILED, 1, 0, id="a permanent error"),
    pytest.param(Fault(kind="error", code=368), ErrorCode.POLICY_VIOLATION, 1, 0, id="a restricted account"),
    pytest.param(Fault(kind="error", code=131000), ErrorCode.GATEWAY_SEND_FAILED, 3, 0, id="a fault that stays"),
    pytest.param(Fault(kind="throttle", retry_after=30), ErrorCode.SENDING_THROTTLED, 1, 0, id="a long throttle"),
    pytest.param(Fault(kind="http_status", http_status=429), ErrorCode.SENDING_THROTTLED, 3, 0, id="bare 429s"),
    pytest.param(Fault(kind="http_status", http_status=503), ErrorCode.GATEWAY_SEND_FAILED, 1, 0, id="a bare 503"),
    pytest.param(Fault(kind="hang"), ErrorCode.GATEWAY_SEND_FAILED, 1, 0, id="no answer"),
    pytest.param(Fault(kind="late", seconds=2), ErrorCode.GATEWAY_SEND_FAILED, 1, 1, id="an answer that is too late"),
    pytest.param(Fault(kind="drop_before"), ErrorCode.GATEWAY_SEND_FAILED, 1, 0, id="a line cut before"),
    pytest.param(Fault(kind="drop_after"), ErrorCode.GATEWAY_SEND_FAILED, 1, 1, id="a line cut after"),
    pytest.param(Fault(kind="garbage"), ErrorCode.GATEWAY_SEND_FAILED, 1, 1, id="garbage under a 200"),
    pytest.param(Fault(kind="truncated"), ErrorCode.GATEWAY_SEND_FAILED, 1, 1, id="an answer cut in its body"),
    pytest.param(Fault(kind="slow_body", seconds=2), ErrorCode.GATEWAY_SEND_FAILED, 1, 1, id="an answer that trickles"),
]


@pytest.mark.parametrize(("fault", "code", "calls", "taken"), FAULTS)
async def test_a_fault_is_answered_truly_and_nothing_is_sent_twice(
    line: Line, fault: Fault, code: AnswerCode, calls: int, taken: int
) -> None:
    await line.whatsapp.script(FaultStep(fault=fault))

    result = await line.deliver(approved())
    again = await line.deliver(approved())

    assert (result.code, again) == (code, result)
    assert await line.whatsapp.fired() == [calls]
    assert len(await line.whatsapp.messages()) == taken
    assert result.unknown or taken == 0
    assert line.gateway.decisions.times == (0 if result.unknown else 1)


async def test_a_fault_that_passes_ends_in_one_message(line: Line) -> None:
    await line.whatsapp.script(FaultStep(match=Match(times=2), fault=Fault(kind="error", code=131016)))

    result = await line.deliver(approved())

    assert result.code is AnswerStatus.SENT
    assert len(await line.whatsapp.messages()) == 1
