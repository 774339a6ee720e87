"""The simulator over real sockets: its answers, its faults, its webhooks and its control API."""

import asyncio
import base64
import hashlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from tools.simulator.app import simulator_app, simulator_runner
from tools.simulator.behaviour import Behaviour, RetryPlan, StatusPlan
from tools.simulator.client import SimulatorClient, SimulatorError
from tools.simulator.faults import Fault, FaultStep, Match
from tools.simulator.history import journal_messages
from tools.simulator.identity_payloads import IdentityChange
from tools.simulator.simulator_state import SimulatorSettings
from tools.simulator.webhook_payloads import Inbound, signature_of

SECRET = "app-secret"
NUMBER = "106540352242922"
CUSTOMER = "966500000001"
BEARER = {"Authorization": "Bearer token"}
QUICK = StatusPlan(delays=(0.01, 0.06, 0.11), batch_seconds=0.1)


async def listening(runner: web.AppRunner) -> str:
    """Start a runner on a free port; its base URL."""
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def until(condition: Callable[[], bool], *, timeout: float = 5.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


@dataclass
class Callback:
    """The business's side: takes webhooks, refuses the next `refusals` of them."""

    refusals: int = 0
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.times.append(time.monotonic())
        if self.refusals > 0:
            self.refusals -= 1
            return web.Response(status=503)
        self.bodies.append(body)
        self.signatures.append(request.headers.get("X-Hub-Signature-256"))
        return web.Response()

    async def verify(self, request: web.Request) -> web.Response:
        known = request.query["hub.verify_token"] == "verify-me"
        return web.Response(text=request.query["hub.challenge"], status=200 if known else 403)

    @property
    def values(self) -> list[dict[str, Any]]:
        """The `value` of every change that came, in order of arrival."""
        bodies = [orjson.loads(body) for body in self.bodies]
        return [change["value"] for body in bodies for entry in body["entry"] for change in entry["changes"]]

    @property
    def statuses(self) -> list[dict[str, Any]]:
        """Every status that came, in order of arrival."""
        return [status for value in self.values for status in value.get("statuses", ())]


@pytest.fixture
async def callback() -> AsyncIterator[Callback]:
    business = Callback()
    app = web.Application()
    app.router.add_post("/webhook", business.take)
    app.router.add_get("/webhook", business.verify)
    runner = web.AppRunner(app)
    business.url = await listening(runner) + "/webhook"
    yield business
    await runner.cleanup()


@dataclass
class WhatsApp:
    """A running simulator, its control client and a way to send."""

    url: str
    control: SimulatorClient
    session: aiohttp.ClientSession

    async def send(self, **changes: Any) -> tuple[int, dict[str, Any]]:
        """Send a text; the answer's status and JSON."""
        async with self.post(**changes) as answer:
            return answer.status, orjson.loads(await answer.read())

    def post(self, *, headers: dict[str, str] | None = None, number: str = NUMBER, **changes: Any) -> Any:
        """The request itself, for what is no regular answer."""
        payload = {"messaging_product": "whatsapp", "to": CUSTOMER, "type": "text", "text": {"body": "Hi"}}
        url = f"{self.url}/v25.0/{number}/messages"
        return self.session.post(
            url, data=orjson.dumps(payload | changes), headers=BEARER if headers is None else headers
        )


@asynccontextmanager
async def running(settings: SimulatorSettings) -> AsyncIterator[WhatsApp]:
    """A simulator in this process."""
    runner = simulator_runner(settings)
    url = await listening(runner)
    try:
        async with SimulatorClient(url) as control, aiohttp.ClientSession() as session:
            yield WhatsApp(url, control, session)
    finally:
        await runner.cleanup()


@pytest.fixture
async def whatsapp(callback: Callback) -> AsyncIterator[WhatsApp]:
    behaviour = Behaviour(webhook_urls=(callback.url,), statuses=QUICK, retries=RetryPlan(base=0.02, attempts=5))
    async with running(SimulatorSettings(app_secret=SECRET, behaviour=behaviour)) as simulator:
        yield simulator


async def test_a_send_is_answered_and_remembered(whatsapp: WhatsApp) -> None:
    status, answer = await whatsapp.send(biz_opaque_callback_data="gw1:1")

    assert status == 200
    (message,) = await whatsapp.control.messages(callback="gw1:1")
    assert answer["messages"] == [{"id": message.id}]
    assert (message.order, message.to, message.text) == (1, CUSTOMER, "Hi")
    assert await whatsapp.control.messages(to="966599999999") == []


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no header"),
        pytest.param({"Authorization": "Bearer "}, id="an empty token"),
        pytest.param({"Authorization": "Basic token"}, id="another scheme"),
    ],
)
async def test_a_send_without_token_is_refused_with_190(whatsapp: WhatsApp, headers: dict[str, str]) -> None:
    status, answer = await whatsapp.send(headers=headers)

    assert status == 401
    assert (answer["error"]["code"], answer["error"]["type"]) == (190, "OAuthException")
    assert (await whatsapp.control.stats()).accepted == 0


async def test_a_faulty_send_gets_metas_envelope_and_is_counted(whatsapp: WhatsApp) -> None:
    status, answer = await whatsapp.send(text={})

    assert status == 400
    assert answer["error"]["code"] == 131008
    assert "text['body']" in answer["error"]["error_data"]["details"]
    assert answer["error"]["fbtrace_id"]
    assert [request.outcome for request in await whatsapp.control.requests()] == ["error:131008"]


async def test_only_known_numbers_and_tokens_are_served_when_they_are_listed() -> None:
    settings = SimulatorSettings(phone_number_ids=(NUMBER,), access_tokens=("token",))
    async with running(settings) as simulator:
        known = await simulator.send()
        unknown = await simulator.send(number="1")
        stranger = await simulator.send(headers={"Authorization": "Bearer other"})

    assert known[0] == 200
    assert (unknown[0], unknown[1]["error"]["code"], unknown[1]["error"]["error_subcode"]) == (400, 100, 33)
    assert (stranger[0], stranger[1]["error"]["code"]) == (401, 190)


async def test_a_mark_as_read_succeeds_and_is_no_message(whatsapp: WhatsApp, callback: Callback) -> None:
    wamid = await whatsapp.control.inbound(NUMBER, CUSTOMER)

    answered = await whatsapp.send(status="read", message_id=wamid, typing_indicator={"type": "text"})

    assert answered == (200, {"success": True})
    assert await whatsapp.control.messages() == []
    assert callback.statuses == []


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


async def test_a_reset_forgets_everything_and_stops_what_is_pending(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.configure(statuses={"delays": [60.0]})
    await whatsapp.control.script(FaultStep(match=Match(to="1234567"), fault=Fault(kind="hang")))
    await whatsapp.send()
    pending = (await whatsapp.control.stats()).webhooks["pending"]

    await whatsapp.control.reset()

    stats = await whatsapp.control.stats()
    assert pending == 3
    assert (stats.requests, stats.accepted, stats.webhooks) == (0, 0, {"pending": 0})
    assert await whatsapp.control.fired() == []
    assert await whatsapp.control.requests() == []
    assert callback.bodies == []


async def test_messages_in_memory_are_bounded_and_counted() -> None:
    async with running(SimulatorSettings(max_messages=3)) as simulator:
        for number in range(5):
            await simulator.send(biz_opaque_callback_data=f"gw1:{number}")

        stats = await simulator.control.stats()
        kept = await simulator.control.messages()

    assert (stats.accepted, stats.kept, stats.requests) == (5, 3, 5)
    assert [message.order for message in kept] == [3, 4, 5]


@asynccontextmanager
async def process(*flags: str, **environ: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`python -m tools.simulator` as its own process, and its base URL."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.simulator", *flags),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | environ,
    )
    assert started.stdout is not None
    try:
        line = orjson.loads(await asyncio.wait_for(started.stdout.readline(), 10))
        yield started, line["url"]
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def test_a_killed_simulator_leaves_every_answered_message_in_its_journal(tmp_path: Path) -> None:
    journal = tmp_path / "messages.jsonl"
    async with process("--journal", str(journal)) as (simulator, url), aiohttp.ClientSession() as session:
        whatsapp = WhatsApp(url, SimulatorClient(url), session)
        answered: list[str] = []

        async def keep_sending() -> None:
            while True:
                _, answer = await whatsapp.send()
                answered.append(answer["messages"][0]["id"])

        sending = [asyncio.create_task(keep_sending()) for _ in range(4)]
        await until(lambda: len(answered) > 200)
        simulator.kill()
        await asyncio.gather(*sending, return_exceptions=True)

    written = [message.id for message in journal_messages(journal)]
    assert set(answered) <= set(written)
    assert len(written) == len(set(written)) <= len(answered) + 4


async def test_a_simulator_signs_with_the_secret_it_was_told_to_read(callback: Callback) -> None:
    flags = ("--webhook-url", callback.url, "--app-secret-env", "SIMULATOR_TEST_SECRET")
    async with process(*flags, SIMULATOR_TEST_SECRET=SECRET) as (_, url), SimulatorClient(url) as control:
        await control.inbound(NUMBER, CUSTOMER)

    assert callback.signatures == [signature_of(callback.bodies[0], SECRET)]


async def test_a_simulator_is_configured_by_the_environment_too(callback: Callback) -> None:
    environ = {
        "GATEWAY_SIMULATOR_WEBHOOK_URL": callback.url,
        "GATEWAY_SIMULATOR_STATUSES": "off",
        "GATEWAY_WHATSAPP_APP_SECRET": SECRET,
    }
    async with process(**environ) as (_, url), SimulatorClient(url) as control:
        behaviour = await control.configure()

    assert behaviour["webhook_urls"] == [callback.url]
    assert behaviour["statuses"]["enabled"] is False


async def test_a_simulator_stops_soon_after_sigterm_even_with_a_hanging_caller() -> None:
    async with (
        process() as (simulator, url),
        SimulatorClient(url) as control,
        aiohttp.ClientSession() as session,
    ):
        await control.script(FaultStep(fault=Fault(kind="hang")))
        hanging = asyncio.create_task(WhatsApp(url, control, session).send())
        async with asyncio.timeout(20):
            while not (await control.stats()).requests:
                await asyncio.sleep(0.01)

        simulator.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(simulator.wait(), 20) == 0
        with pytest.raises(aiohttp.ClientError):
            await hanging


async def test_a_simulator_that_could_not_sign_does_not_start() -> None:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.simulator", "--webhook-url", "http://127.0.0.1:1/"),
        stderr=asyncio.subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")},
    )

    _, told = await asyncio.wait_for(started.communicate(), 10)

    assert started.returncode == 2
    assert b"app secret" in told


async def test_a_restriction_by_answer_stands_until_it_is_lifted(whatsapp: WhatsApp) -> None:
    await whatsapp.control.restrict(131048, phone_number_id=NUMBER)

    refused, other = await whatsapp.send(), await whatsapp.send(number="2")
    await whatsapp.control.lift_restrictions()
    taken = await whatsapp.send()

    assert (refused[0], refused[1]["error"]["code"]) == (400, 131048)
    assert (other[0], taken[0]) == (200, 200)


async def test_a_restriction_by_status_takes_the_message_and_fails_it(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.restrict(131042, by="status")

    assert (await whatsapp.send())[0] == 200
    await until(lambda: len(callback.statuses) == 1)

    assert callback.statuses[0]["status"] == "failed"
    assert callback.statuses[0]["errors"][0]["code"] == 131042


async def test_a_restriction_by_webhook_is_told_at_once_and_so_is_its_end(
    whatsapp: WhatsApp, callback: Callback
) -> None:
    first = await whatsapp.control.restrict(132015, by="webhook", template="reopen", language="ar")
    second = await whatsapp.control.lift_restrictions()

    assert (first.answers, second.answers) == ((200,), (200,))
    assert [value["event"] for value in callback.values] == ["PAUSED", "UNARCHIVED"]
    assert {value["message_template_language"] for value in callback.values} == {"ar"}


async def test_a_restriction_by_a_webhook_that_does_not_exist_is_refused(whatsapp: WhatsApp) -> None:
    body = orjson.dumps({"code": 131026, "by": "webhook"})
    async with whatsapp.session.post(f"{whatsapp.url}/_control/restrictions", data=body) as answer:
        assert answer.status == 400


async def test_refused_credentials_fail_sends_and_probes_until_they_are_lifted(whatsapp: WhatsApp) -> None:
    await whatsapp.control.restrict(190)

    assert (await whatsapp.send())[0] == 401
    refused = await read(whatsapp, f"v25.0/{NUMBER}?fields=id")
    await whatsapp.control.lift_restrictions()
    answered = await read(whatsapp, f"v25.0/{NUMBER}?fields=id")

    assert (refused[0], refused[1]["error"]["code"]) == (401, 190)
    assert answered == (200, {"id": NUMBER})
    outcomes = [request.outcome for request in await whatsapp.control.requests()]
    assert outcomes == ["fault:error", "fault:error", "probe"]


async def read(whatsapp: WhatsApp, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """A GET of the Graph API; the answer's status and JSON."""
    async with whatsapp.session.get(f"{whatsapp.url}/{path}", headers=BEARER if headers is None else headers) as answer:
        return answer.status, orjson.loads(await answer.read())


async def test_a_number_tells_the_fields_that_are_asked_for(whatsapp: WhatsApp) -> None:
    await whatsapp.control.configure(throughput="HIGH")

    throughput = await read(whatsapp, f"v26.0/{NUMBER}?fields=throughput")
    unknown = await read(whatsapp, f"v26.0/{NUMBER}?fields=colour")
    nobody = await read(whatsapp, f"v26.0/{NUMBER}?fields=id", headers={})

    assert throughput == (200, {"throughput": {"level": "HIGH"}, "id": NUMBER})
    assert (unknown[0], unknown[1]["error"]["code"]) == (400, 100)
    assert (nobody[0], nobody[1]["error"]["code"]) == (401, 190)


async def test_a_probe_can_be_scripted_without_touching_sends(whatsapp: WhatsApp) -> None:
    await whatsapp.control.script(
        FaultStep(match=Match(kind="probe"), fault=Fault(kind="http_status", http_status=503))
    )

    async with whatsapp.session.get(f"{whatsapp.url}/v25.0/{NUMBER}", headers=BEARER) as probe:
        assert probe.status == 503
    assert (await whatsapp.send())[0] == 200


@pytest.mark.parametrize(("version", "status"), [("v26.0", 200), ("v20.0", 200), ("v27.0", 400), ("latest", 400)])
async def test_a_version_that_meta_does_not_have_is_refused(whatsapp: WhatsApp, version: str, status: int) -> None:
    async with whatsapp.session.get(f"{whatsapp.url}/{version}/{NUMBER}", headers=BEARER) as answer:
        told = await answer.json()

    assert answer.status == status
    assert answer.headers.get("facebook-api-version") == {"v26.0": "v26.0", "v20.0": "v21.0"}.get(version)
    assert (told.get("error") or {}).get("code") == (2500 if status == 400 else None)


async def test_media_of_a_message_can_be_read_and_downloaded(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.inbound(NUMBER, CUSTOMER, type="image")
    told = callback.values[0]["messages"][0]["image"]

    status, media = await read(whatsapp, f"v25.0/{told['id']}?phone_number_id={NUMBER}")
    async with whatsapp.session.get(media["url"], headers=BEARER) as answer:
        content = await answer.read()
    async with whatsapp.session.get(media["url"]) as nobody:
        refused = nobody.status
    async with whatsapp.session.get(media["url"].partition("?")[0] + "?ext=1", headers=BEARER) as late:
        ended = late.status

    assert status == 200
    assert media.keys() == {"messaging_product", "url", "mime_type", "sha256", "file_size", "id"}
    assert (media["mime_type"], media["file_size"], answer.content_type) == ("image/jpeg", len(content), "image/jpeg")
    assert media["sha256"] == hashlib.sha256(content).hexdigest()
    assert base64.b64decode(told["sha256"]) == hashlib.sha256(content).digest()
    assert (refused, ended) == (401, 404)


async def test_answers_and_statuses_name_whatsapps_own_spelling(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.configure(wa_ids={"5511987654321": "551187654321"})

    _, answer = await whatsapp.send(to="+55 11 98765-4321")
    await until(lambda: len(callback.statuses) == 3)

    assert answer["contacts"][0]["wa_id"] == "551187654321"
    assert {status["recipient_id"] for status in callback.statuses} == {"551187654321"}


async def test_a_template_costs_by_its_category_and_may_be_held(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.configure(template_category="marketing", template_status="held_for_quality_assessment")

    _, answer = await whatsapp.send(type="template", template={"name": "a", "language": {"code": "en"}})
    await until(lambda: len(callback.statuses) == 3)

    assert answer["messages"][0]["message_status"] == "held_for_quality_assessment"
    assert {status["pricing"]["category"] for status in callback.statuses} == {"marketing"}


async def test_messages_after_an_advertisement_are_free_and_have_a_conversation(
    whatsapp: WhatsApp, callback: Callback
) -> None:
    await whatsapp.control.inbound(NUMBER, CUSTOMER, raw={"referral": {"source_type": "ad"}})

    await whatsapp.send()
    await until(lambda: len(callback.statuses) == 3)

    assert {status["pricing"]["type"] for status in callback.statuses} == {"free_entry_point"}
    assert {status["conversation"]["origin"]["type"] for status in callback.statuses} == {"referral_conversion"}


async def test_a_customers_call_opens_the_window_and_the_businesss_does_not(
    whatsapp: WhatsApp, callback: Callback
) -> None:
    await whatsapp.control.configure(window="answer")

    await whatsapp.control.call(NUMBER, CUSTOMER, direction="BUSINESS_INITIATED")
    closed = await whatsapp.send()
    call_id = await whatsapp.control.call(NUMBER, CUSTOMER)
    opened = await whatsapp.send()
    await whatsapp.control.call(NUMBER, CUSTOMER, id=call_id, event="terminate", seconds=3)

    assert closed[1]["error"]["code"] == 131047
    assert opened[0] == 200
    calls = [call for value in callback.values for call in value.get("calls", ())]
    assert [call["event"] for call in calls] == ["connect", "connect", "terminate"]
    assert calls[1]["id"] == calls[2]["id"] == call_id


async def test_an_identity_change_and_an_accounts_update_are_posted(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.change_identity(
        IdentityChange(phone_number_id=NUMBER, sender=CUSTOMER, new_phone="966500000009")
    )
    await whatsapp.control.update_account("phone_number_quality_update", "THROUGHPUT_UPGRADE", number=NUMBER, limit=-1)

    identity, update = callback.values
    assert identity["messages"][0]["system"]["wa_id"] == "966500000009"
    assert update == {
        "display_phone_number": "15552242922",
        "event": "THROUGHPUT_UPGRADE",
        "max_daily_conversations_per_business": "TIER_UNLIMITED",
    }


async def test_a_reset_ends_restrictions(whatsapp: WhatsApp) -> None:
    await whatsapp.control.restrict(368)

    await whatsapp.control.reset()

    assert (await whatsapp.send())[0] == 200


async def test_a_customer_keeps_the_user_id_that_they_have_shown(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.inbound(NUMBER, CUSTOMER, user_id="SA.7")

    _, answer = await whatsapp.send()
    await until(lambda: len(callback.statuses) == 3)

    assert answer["contacts"][0]["user_id"] == "SA.7"
    assert {status["recipient_user_id"] for status in callback.statuses} == {"SA.7"}
