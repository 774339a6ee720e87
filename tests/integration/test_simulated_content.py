"""Uploads, media, buttons and templates at the simulator, with the gateway's own clients: as strict as Meta."""

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from libs.contracts.content import InteractiveRequest, MediaKind
from libs.providers.cloud_api.client import CloudApiSender
from libs.providers.cloud_api.template_lists import CloudApiTemplateLists
from libs.providers.cloud_api.uploads import CloudApiUploads
from libs.providers.evolution.template_lists import EvolutionTemplateLists
from libs.providers.http import open_session
from libs.providers.outcomes import Accepted, NotSent, Refused, TemplatesRead, Uploaded
from libs.providers.outgoing import (
    Customer,
    MediaFile,
    NumberCredentials,
    OutgoingInteractive,
    OutgoingMedia,
    OutgoingTemplate,
    OutgoingText,
    ReadyMedia,
)
from libs.providers.provider import SenderOptions
from tests.contract.providers.http_server import ANYWHERE
from tools.simulator.app import simulator_runner
from tools.simulator.client import SimulatorClient
from tools.simulator.simulator_state import SimulatorSettings
from tools.simulator.webhook_payloads import business_account_of

NOW = datetime(2026, 11, 28, tzinfo=UTC)
NUMBER = NumberCredentials(number_id="n1", phone_number_id="1065", access_token="t")
TO = Customer(phone="+966500000001")
CONTENT = b"\x89PNG" + b"x" * 300_000
PICTURE = MediaFile(mime_type="image/png", bytes=len(CONTENT), sha256="", open=lambda: io.BytesIO(CONTENT))
READY = {
    "name": "ready",
    "language": "de",
    "status": "APPROVED",
    "category": "UTILITY",
    "components": [{"type": "BODY", "text": "Hi {{1}}"}],
}


@pytest.fixture
async def options() -> AsyncIterator[SenderOptions]:
    runner = simulator_runner(SimulatorSettings(app_secret="s"))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with open_session(timeout_s=5.0, connections=4) as session:
        yield SenderOptions(
            session=session,
            guarded_session=session,
            addresses=ANYWHERE,
            clock=lambda: NOW,
            api_url=f"http://127.0.0.1:{runner.addresses[0][1]}",
            api_version="v25.0",
        )
    await runner.cleanup()


def template(*values: str, name: str = "ready") -> OutgoingTemplate:
    return OutgoingTemplate(to=TO, name=name, language="de", parameters=values, callback="c")


async def test_a_file_is_uploaded_and_named_by_a_message(options: SenderOptions) -> None:
    uploaded = await CloudApiUploads(options).upload(NUMBER, PICTURE)
    assert isinstance(uploaded, Uploaded)
    media = ReadyMedia(kind=MediaKind.IMAGE, file=PICTURE, id=uploaded.media_id)
    message = OutgoingMedia(to=TO, media=media, caption="Here", callback="c")

    sent = await CloudApiSender(options).send(NUMBER, message)
    foreign = await CloudApiSender(options).send(replace(NUMBER, phone_number_id="1066"), message)
    unknown = await CloudApiSender(options).send(NUMBER, replace(message, media=replace(media, id="1")))

    assert isinstance(sent, Accepted)
    assert [type(each).__name__ for each in (foreign, unknown)] == ["Refused", "Refused"]
    async with SimulatorClient(options.api_url) as whatsapp:
        [stored] = (await whatsapp.uploads()).values()
        assert (stored["bytes"], stored["mime_type"]) == (len(CONTENT), "image/png")
        assert [each.outcome for each in await whatsapp.requests()][:2] == ["uploaded", "accepted"]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (replace(PICTURE, mime_type="image/gif"), 100),
        (replace(PICTURE, open=lambda: io.BytesIO(b"")), 131053),
        (replace(PICTURE, open=lambda: io.BytesIO(b"x" * 6_000_000)), 131053),
    ],
    ids=["type", "empty", "too large"],
)
async def test_an_upload_that_meta_refuses_is_refused(options: SenderOptions, file: MediaFile, code: int) -> None:
    outcome = await CloudApiUploads(options).upload(NUMBER, file)

    assert isinstance(outcome, Refused)
    assert outcome.code == code


async def test_templates_are_listed_over_all_pages(options: SenderOptions) -> None:
    async with SimulatorClient(options.api_url) as whatsapp:
        await whatsapp.set_templates("1065", *({**READY, "name": f"t_{n}"} for n in range(250)))

    read = await CloudApiTemplateLists(options).read(NUMBER, business_account_of("1065"))
    none = await CloudApiTemplateLists(options).read(NUMBER, business_account_of("1066"))

    assert isinstance(read, TemplatesRead)
    assert sorted(each.name for each in read.templates) == sorted(f"t_{n}" for n in range(250))
    assert none == TemplatesRead(())
    assert await CloudApiTemplateLists(options).read(NUMBER, None) == NotSent("business_account_unknown")


async def test_a_known_template_is_checked_as_meta_checks_it(options: SenderOptions) -> None:
    paused = {**READY, "name": "paused", "status": "PAUSED"}
    async with SimulatorClient(options.api_url) as whatsapp:
        await whatsapp.set_templates("1065", READY, paused)
    send = CloudApiSender(options).send

    outcomes = [
        await send(NUMBER, each)
        for each in (
            template("Anna"),
            template(),
            template("An\nna"),
            template("x", name="no"),
            template(name="paused"),
        )
    ]

    assert isinstance(outcomes[0], Accepted)
    assert [each.code for each in outcomes[1:] if isinstance(each, Refused)] == [132000, 132012, 132001, 132015]


async def test_buttons_and_quotes_are_checked(options: SenderOptions) -> None:
    def buttons(**fields: Any) -> OutgoingInteractive:
        content = InteractiveRequest.model_construct(text="When?", button=None, rows=(), **fields)
        return OutgoingInteractive(to=TO, content=content, callback="c")

    good = InteractiveRequest.model_validate({"text": "When?", "buttons": [{"id": "1", "title": "Now"}]}).buttons
    send = CloudApiSender(options).send

    assert isinstance(await send(NUMBER, buttons(buttons=good)), Accepted)
    assert isinstance(await send(NUMBER, buttons(buttons=good * 4)), Refused)
    assert isinstance(await send(NUMBER, buttons(buttons=good * 2)), Refused)
    quoted = OutgoingText(to=TO, text="Yes", callback="c", quotes="3EB0")
    assert isinstance(await send(NUMBER, quoted), Refused)
    assert isinstance(await send(NUMBER, replace(quoted, quotes="wamid.A")), Accepted)


async def test_evolution_passes_metas_list_on_and_a_full_page_may_not_be_all(options: SenderOptions) -> None:
    length = [1]

    async def find(request: web.Request) -> web.Response:
        known = request.match_info["instance"] == "main" and request.headers.get("apikey") == "t"
        return web.json_response([READY] * length[0]) if known else web.json_response({"status": 404}, status=404)

    app = web.Application()
    app.router.add_get("/template/find/{instance}", find)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    lists = EvolutionTemplateLists(options)
    number = replace(NUMBER, phone_number_id="main", base_url=url)

    read = await lists.read(number, None)
    length[0] = 25
    full = await lists.read(number, None)
    unknown = await lists.read(replace(number, phone_number_id="other"), None)

    await runner.cleanup()
    assert isinstance(read, TemplatesRead)
    assert ([each.name for each in read.templates], read.complete) == (["ready"], True)
    assert isinstance(full, TemplatesRead)
    assert not full.complete
    assert isinstance(unknown, Refused)
