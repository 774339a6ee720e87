"""Templates on demand, media, buttons and quotes, from 3CX's webhook to WhatsApp, with two replicas of each service."""

import base64
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.e2e.driver import MARK, Answer, Gateway, Integration
from tests.e2e.test_evolution import a_shop
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, FaultStep, Match

pytestmark = pytest.mark.asyncio(loop_scope="session")

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00" + MARK.encode()
PDF = b"%PDF-1.7\n" + MARK.encode() * 40_000 + b"\n%%EOF"
DIGEST = hashlib.sha256(PNG).hexdigest()
READY = {
    "name": "order_ready",
    "status": "APPROVED",
    "category": "UTILITY",
    "language": "de",
    "components": [
        {"type": "BODY", "text": "Hallo {{1}}, ab {{2}}."},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Open", "url": "https://shop.example/{{1}}"}]},
    ],
}
NAMED = {
    "name": "named_one",
    "status": "APPROVED",
    "category": "UTILITY",
    "language": "en",
    "parameter_format": "NAMED",
    "components": [{"type": "BODY", "text": "Hi {{first_name}}"}],
}
PICTURE = {
    "name": "picture",
    "status": "APPROVED",
    "category": "UTILITY",
    "language": "en",
    "components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Here"}],
}
SALE = {"name": "sale", "status": "APPROVED", "category": "MARKETING", "language": "en", "components": []}
REJECTED = {"name": "bad", "status": "REJECTED", "category": "UTILITY", "language": "en", "components": []}
MANY = [{**NAMED, "name": f"filler_{n}"} for n in range(120)]
BUTTON = {"index": 0, "type": "url", "value": "AB12"}


def content(to: str, **fields: Any) -> dict[str, Any]:
    return {"event_type": "outbound_message", "to": to, "message_purpose": "support"} | fields


def ready(to: str, **changes: Any) -> dict[str, Any]:
    template = {"name": "order_ready", "language": "de", "body": [f"Anna {MARK}", "12:30"], "buttons": [BUTTON]}
    return content(to, template=template | changes)


@dataclass
class Files:
    """A web server with files, and one that misbehaves."""

    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    url: str = ""
    asked: list[str] = field(default_factory=list)

    async def get(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.asked.append(name)
        if name in self.redirects:
            return web.Response(status=302, headers={"Location": self.redirects[name]})
        if name == "endless":
            response = web.StreamResponse(headers={"Content-Type": "image/png"})
            await response.prepare(request)
            await response.write(PNG)
            while True:
                await response.write(b"x" * 65_536)
        if name not in self.files:
            return web.Response(status=404)
        kind, body = self.files[name]
        return web.Response(body=body, content_type=kind)


@asynccontextmanager
async def files(**given: tuple[str, bytes]) -> AsyncIterator[Files]:
    server = Files(dict(given))
    app = web.Application()
    app.router.add_get("/{name}", server.get)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


async def with_templates(gateway: Gateway, *templates: dict[str, Any], **settings: Any) -> Integration:
    """An integration whose number's templates are known; its business account is named by a customer's message."""
    integration = await gateway.create_integration(**settings)
    await gateway.whatsapp.set_templates(integration.number, *templates)
    await gateway.a_customer_who_wrote(integration)
    await synced(gateway, integration, len(templates))
    return integration


async def synced(gateway: Gateway, integration: Integration, count: int) -> None:
    """Ask for the templates as `gateway templates sync` does, until they are there."""
    instance = integration.instance_id

    async def known() -> bool:
        await gateway.done("POST", "/templates/sync", {"instance_id": instance})
        found = await gateway.done("GET", "/templates", instance_id=instance)
        return len(found["items"]) == count

    await eventually(known, seconds=30, pause=0.4)


async def posted(gateway: Gateway, integration: Integration, body: dict[str, Any]) -> Answer:
    return await gateway.final_answer(integration, await gateway.post(integration, body))


async def sent_by(gateway: Gateway, integration: Integration) -> list[Any]:
    return await gateway.whatsapp.messages(phone_number_id=integration.number)


async def test_a_template_goes_to_a_customer_who_never_wrote_and_is_on_record_without_its_values(
    gateway: Gateway,
) -> None:
    integration = await with_templates(gateway, READY, NAMED, PICTURE, SALE, REJECTED, *MANY)
    customer = gateway.a_customer()

    answer = await posted(gateway, integration, ready(customer))

    assert answer.result == "sent"
    assert answer.details == {"delivery": "template", "template": "order_ready", "language": "de"}
    [message] = await sent_by(gateway, integration)
    assert message.content["template"] == {
        "name": "order_ready",
        "language": {"code": "de"},
        "components": [
            {
                "type": "body",
                "parameters": [{"type": "text", "text": f"Anna {MARK}"}, {"type": "text", "text": "12:30"}],
            },
            {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "AB12"}]},
        ],
    }
    [record] = await gateway.wait_for_records(event_id=answer.event_id, type="message.approved")
    assert record["details"]["template"]["name"] == "order_ready"
    assert record["details"]["template"]["parameters"] == 3
    named = await posted(
        gateway,
        integration,
        content(customer, template={"name": "named_one", "language": "en", "body": {"first_name": "Anna"}}),
    )
    assert named.result == "sent"


async def test_what_whatsapp_would_refuse_is_refused_before_anything_is_called(gateway: Gateway) -> None:
    integration = await with_templates(gateway, READY, SALE, REJECTED)
    customer = gateway.a_customer()
    bad = {
        "invalid_reference": content(customer, template={"name": "unknown", "language": "de"}),
        "policy_violation": content(customer, template={"name": "bad", "language": "en"}),
        "message_purpose_not_allowed": content(customer, template={"name": "sale", "language": "en"}),
        "missing_message_text": ready(customer, body=["Anna"]),
    }

    answers = {code: await posted(gateway, integration, body) for code, body in bad.items()}

    assert {code: answer.result for code, answer in answers.items()} == {code: code for code in bad}
    assert all("expected" in answer.details for answer in answers.values())
    assert await sent_by(gateway, integration) == []


async def test_a_picture_by_address_is_uploaded_and_sent_with_its_caption(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    async with files(picture=("image/png", PNG)) as server:
        server.redirects["moved"] = f"{server.url}/picture"
        body = content(customer, media={"kind": "image", "url": f"{server.url}/moved", "caption": f"Your {MARK}"})
        answer = await posted(gateway, integration, body)

    assert (answer.result, answer.details["media"]) == (
        "sent",
        {"kind": "image", "mime_type": "image/png", "bytes": len(PNG), "sha256": DIGEST},
    )
    [message] = await sent_by(gateway, integration)
    uploads = await gateway.whatsapp.uploads()
    assert uploads[message.content["image"]["id"]]["sha256"] == DIGEST
    assert message.content["image"]["caption"] == f"Your {MARK}"
    [record] = await gateway.wait_for_records(event_id=answer.event_id, type="webhook.answered")
    assert record["details"]["details"]["media"]["sha256"] == DIGEST


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("nothing", "image", "not_found"),
        ("empty", "image", "empty"),
        ("page", "image", "type_not_allowed"),
        ("liar", "image", "type_mismatch"),
        ("large", "image", "too_large"),
        ("endless", "image", "too_large"),
        ("secret", "document", "encrypted"),
        ("loop", "image", "too_many_redirects"),
        ("away", "image", "unreachable"),
    ],
)
async def test_a_file_that_cannot_be_sent_says_why_and_nothing_is_called(
    gateway: Gateway, name: str, kind: str, reason: str
) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    given = {
        "empty": ("image/png", b""),
        "page": ("text/html", b"<html>\x00</html>"),
        "liar": ("image/jpeg", PNG),
        "large": ("image/png", PNG + b"x" * 6_000_000),
        "secret": ("application/pdf", b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>\n%%EOF"),
    }
    async with files(**given) as server:
        server.redirects |= {"loop": f"{server.url}/loop", "away": "http://127.0.0.1:9/file"}
        body = content(customer, media={"kind": kind, "url": f"{server.url}/{name}"})
        answer = await posted(gateway, integration, body)

    assert (answer.status, answer.result, answer.details["reason"]) == (422, "invalid_media", reason)
    assert MARK.encode() not in answer.content
    assert await sent_by(gateway, integration) == []


async def upload(gateway: Gateway, account_id: str, data: bytes, *, name: str = "file") -> Answer:
    form = aiohttp.FormData()
    form.add_field(name, io.BytesIO(data), filename="bill.pdf", content_type="application/pdf")
    headers = {"Authorization": f"Bearer {gateway.stack.admin_token}"}
    url = f"{gateway.stack.console_url}/api/v1/uploads"
    async with gateway.http.post(url, data=form, headers=headers, params={"account_id": account_id}) as answer:
        return Answer(answer.status, await answer.json(), answer.headers)


async def test_an_upload_is_sent_once_and_is_gone_afterwards(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    uploaded = await upload(gateway, integration.account_id, PDF)
    assert (uploaded.status, uploaded.body["mime_type"], uploaded.body["bytes"]) == (201, "application/pdf", len(PDF))
    media = {"kind": "document", "upload_id": uploaded.body["upload_id"], "filename": "bill.pdf"}

    first = await posted(gateway, integration, content(customer, media=media))
    second = await posted(gateway, integration, content(customer, media=media))

    assert first.result == "sent"
    assert (second.status, second.result) == (410, "media_expired")
    [message] = await sent_by(gateway, integration)
    assert message.content["document"]["filename"] == "bill.pdf"
    uploads = await gateway.whatsapp.uploads()
    assert uploads[message.content["document"]["id"]]["sha256"] == hashlib.sha256(PDF).hexdigest()


async def test_another_accounts_upload_does_not_exist(gateway: Gateway) -> None:
    integration, other = await gateway.create_integration(), await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    foreign = (await upload(gateway, other.account_id, PDF)).body["upload_id"]

    answer = await posted(gateway, integration, content(customer, media={"kind": "document", "upload_id": foreign}))

    assert (answer.result, answer.details["reason"]) == ("invalid_media", "unknown_upload")


async def test_an_upload_that_cannot_be_sent_is_refused_at_once(gateway: Gateway) -> None:
    integration = await gateway.create_integration()

    large = await upload(gateway, integration.account_id, PDF[:9] + b"x" * (16 * 1024 * 1024))
    wrong = await upload(gateway, integration.account_id, b"MZ\x00\x01program")
    nothing = await upload(gateway, integration.account_id, PDF, name="other")

    assert (large.status, large.details["reason"]) == (422, "too_large")
    assert (wrong.status, wrong.details["reason"]) == (422, "type_not_allowed")
    assert (nothing.status, nothing.result) == (400, "invalid_json")


async def test_an_upload_to_whatsapp_that_fails_twice_is_made_good_without_a_second_message(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    match = Match(phone_number_id=integration.number, kind="upload", times=2)
    await gateway.whatsapp.script(FaultStep(match=match, fault=Fault(kind="error", code=131053)))
    async with files(picture=("image/png", PNG)) as server:
        body = content(customer, media={"kind": "image", "url": f"{server.url}/picture"})
        answer = await posted(gateway, integration, body)

    assert answer.result == "sent"
    assert len(await sent_by(gateway, integration)) == 1


async def test_buttons_and_a_list_are_sent_in_the_window_alone(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    buttons = {"text": "When?", "buttons": [{"id": "am", "title": "Morning"}, {"id": "pm", "title": "Afternoon"}]}
    rows = {"text": "Which?", "button": "Choose", "rows": [{"id": "1", "title": "Red", "description": "warm"}]}

    answers = [
        await posted(gateway, integration, content(customer, interactive=buttons)),
        await posted(gateway, integration, content(customer, interactive=rows)),
        await posted(gateway, integration, content(gateway.a_customer(), interactive=buttons)),
    ]

    assert [answer.result for answer in answers] == ["sent", "sent", "conversation_window_closed"]
    first, second = await sent_by(gateway, integration)
    assert first.content["interactive"]["action"]["buttons"][1]["reply"] == {"id": "pm", "title": "Afternoon"}
    assert second.content["interactive"]["action"]["sections"][0]["rows"][0]["description"] == "warm"


async def test_an_answer_quotes_what_it_answers_and_nothing_of_anybody_else(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    [told] = await gateway.wait_for_records(account_id=integration.account_id, type="whatsapp.message_received")

    by_event = await posted(gateway, integration, content(customer, message_text="Yes", reply_to=told["event_id"]))
    ours = await posted(gateway, integration, content(customer, message_text="And", reply_to=by_event.event_id))
    by_name = await posted(
        gateway, integration, content(customer, message_text="So", reply_to=by_event.body["message_id"])
    )
    other = await gateway.a_customer_who_wrote(integration)
    leaks = [
        await posted(gateway, integration, content(other, message_text="Yes", reply_to=reference))
        for reference in (told["event_id"], by_event.event_id, by_event.body["message_id"])
    ]

    assert [answer.result for answer in (by_event, ours, by_name)] == ["sent"] * 3
    assert [leak.result for leak in leaks] == ["invalid_reference"] * 3
    quoted = [message.content["context"]["message_id"] for message in await sent_by(gateway, integration)]
    assert quoted[1:] == [by_event.body["message_id"]] * 2
    assert quoted[0].startswith("wamid.")


async def test_the_same_key_with_another_picture_is_another_request(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    body = content(customer, interactive={"text": "When?", "buttons": [{"id": "1", "title": "Now"}]})
    changed = content(customer, interactive={"text": "When?", "buttons": [{"id": "2", "title": "Now"}]})

    first = await gateway.post(integration, body, Idempotency_Key="one")
    again = await gateway.post(integration, body, Idempotency_Key="one")
    other = await gateway.post(integration, changed, Idempotency_Key="one")

    assert (again.event_id, other.result) == (first.event_id, "idempotency_key_reused")
    assert len(await sent_by(gateway, integration)) == 1


async def test_evolution_sends_media_buttons_and_quotes(gateway: Gateway) -> None:
    async with a_shop(gateway) as shop, files(picture=("image/png", PNG)) as server:
        customer = await shop.a_customer_who_wrote()
        await shop.replied(customer, "sent")
        [told] = await gateway.wait_for_records(
            account_id=shop.integration.account_id, type="whatsapp.message_received"
        )
        media = {"kind": "image", "url": f"{server.url}/picture", "caption": "Here"}
        sent = await posted(gateway, shop.integration, content(customer, media=media, reply_to=told["event_id"]))
        buttons = {"text": "When?", "buttons": [{"id": "am", "title": "Morning"}]}
        pressed = await posted(gateway, shop.integration, content(customer, interactive=buttons))

        assert (sent.result, pressed.result) == ("sent", "sent")
        _, picture, choice = shop.server.sent
        assert (picture.call, picture.body["mediatype"], picture.body["caption"]) == ("sendMedia", "image", "Here")
        assert picture.body["quoted"]["key"]["id"] == f"3A{customer[1:]}"
        assert hashlib.sha256(base64.b64decode(picture.body["media"])).hexdigest() == DIGEST
        assert (choice.call, choice.body["buttons"][0]["id"]) == ("sendButtons", "am")


@pytest.mark.parametrize("source", ["address", "upload"])
async def test_evolutions_template_shows_a_file_that_whatsapp_fetches_from_any_sender(
    gateway: Gateway, source: str
) -> None:
    shown = {"name": "bill", "status": "APPROVED", "category": "UTILITY", "language": "en"}
    parts = [{"type": "HEADER", "format": "DOCUMENT"}, {"type": "BODY", "text": "Bill {{1}}"}]
    async with a_shop(gateway) as shop, files(bill=("application/pdf", PDF)) as server:
        await gateway.done("PATCH", f"/accounts/{shop.integration.account_id}", {"require_opt_in": False})
        shop.server.templates = [shown | {"components": parts}]
        await synced(gateway, shop.integration, 1)
        uploaded = await upload(gateway, shop.integration.account_id, PDF)
        where = {"url": f"{server.url}/bill"} if source == "address" else {"upload_id": uploaded.body["upload_id"]}
        header = {"media": {"kind": "document", "filename": "bill.pdf"} | where}
        template = {"name": "bill", "language": "en", "header": header, "body": ["7"]}

        answer = await posted(gateway, shop.integration, content(gateway.a_customer(), template=template))
        wrong = template | {"header": {"media": header["media"] | {"kind": "image"}}}
        refused = await posted(gateway, shop.integration, content(gateway.a_customer(), template=wrong))

        assert (answer.result, answer.details["media"]["sha256"]) == ("sent", hashlib.sha256(PDF).hexdigest())
        [sent] = shop.server.sent
        [head, body] = sent.body["components"]
        document = head["parameters"][0]["document"]
        assert (sent.call, head["type"], document["filename"]) == ("sendTemplate", "header", "bill.pdf")
        assert body["parameters"] == [{"type": "text", "text": "7"}]
        token = document["link"].rsplit("/", 1)[1]
        for url in gateway.stack.media_urls:
            async with gateway.http.get(f"{url}/media/{token}") as response:
                assert (response.status, await response.read()) == (200, PDF)
        [record, _] = await gateway.wait_for_records(2, account_id=shop.integration.account_id, type="media.fetched")
        assert (record["details"]["outcome"], record["details"]["message_id"]) == ("delivered", answer.event_id)
        assert (refused.result, refused.details["field"]) == ("missing_message_text", "template.header.media")
