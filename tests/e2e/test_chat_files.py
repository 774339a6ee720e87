"""Files in 3CX's chat, both ways and with both providers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.chat_desk import NOTE, REOPEN, SHOWN, Desk, a_desk, with_templates
from tests.e2e.driver import Gateway
from tests.e2e.test_content import PNG, synced
from tests.e2e.test_evolution import a_shop
from tests.e2e.waiting import eventually
from tests.evolution_stub import StoredMedia, upsert
from tools.simulator.threecx import SentMessage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_picture_comes_with_a_link_that_opens_it(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = gateway.a_customer()
        await gateway.customers_write(desk.integration, [customer], text="Look", type="image")

        line = await desk.threecx.wait_for_line(customer, "[picture] Look")

        assert line is not None
        assert line.media
        assert line.media[0] in line.text


async def test_an_agent_opens_the_picture_and_sends_one_back(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = gateway.a_customer()
        await gateway.customers_write(desk.integration, [customer], text="Look", type="image")
        line = await desk.threecx.wait_for_line(customer, "[picture] Look")
        assert line is not None
        desk.threecx.files["offer.png"] = ("image/png", PNG)

        opened = await desk.threecx.open_link(line.media[0])
        sent = await desk.threecx.write(customer, "Our offer", media_urls=[desk.threecx.file_url("offer.png")])
        [message] = await gateway.whatsapp.messages(to=customer.removeprefix("+"))

        assert (opened.status, opened.headers["Content-Type"]) == (200, "image/jpeg")
        assert (sent.shown, message.type, message.content["image"]["caption"]) == ("sent", "image", "Our offer")


async def test_an_evolution_servers_chat_has_pictures_templates_and_the_same_window(gateway: Gateway) -> None:
    yesterday = int((datetime.now(UTC) - timedelta(hours=25)).timestamp())
    async with (
        a_shop(gateway) as shop,
        a_desk(gateway, shop.integration, chat_commands=True, chat_repeat_seconds=0) as desk,
    ):
        customer, late = gateway.a_customer(), gateway.a_customer()
        await gateway.done("PATCH", f"/accounts/{shop.integration.account_id}", {"require_opt_in": False})
        shop.server.media["3AFILE"] = StoredMedia(PNG, "image/png")
        shop.server.templates = [REOPEN]
        for who, at, key in ((customer, int(datetime.now(UTC).timestamp()), "3AFILE"), (late, yesterday, "3ALATE")):
            message = {"imageMessage": {"mimetype": "image/png", "caption": "Look"}}
            data = upsert(key, f"{who[1:]}@s.whatsapp.net", message=message, messageType="imageMessage")
            assert await shop.tells("messages.upsert", data | {"messageTimestamp": at}) == 200
        line = await desk.threecx.wait_for_line(customer, "[picture] Look")
        assert line is not None
        await desk.sees(late, "[picture] Look")
        desk.threecx.files["offer.png"] = ("image/png", PNG)

        opened = await desk.threecx.open_link(line.media[0])
        sent = await desk.threecx.write(customer, "Our offer", media_urls=[desk.threecx.file_url("offer.png")])
        refused = await desk.agent_writes(late)

        async def reopened() -> bool:
            await gateway.done("POST", "/templates/sync", {"instance_id": shop.integration.instance_id})
            return (await desk.agent_writes(late, "/template order_ready de | Anna")).shown == "sent"

        await eventually(reopened, seconds=30.0, pause=0.5)
        assert (opened.status, opened.headers["Content-Type"], sent.shown) == (200, "image/png", "sent")
        assert (refused.shown, refused.body["error"]) == ("failed", "conversation_window_closed")
        await desk.sees(late, f"{NOTE}not sent, the customer last wrote")
        assert [each.call for each in shop.server.sent] == ["sendMedia", "sendTemplate"]


@pytest.mark.parametrize("given", [7, [None], ["https://[", "https://b"]], ids=["a number", "nothing", "two"])
async def test_a_text_is_not_sent_without_the_file_that_belongs_to_it(gateway: Gateway, given: Any) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()
        body = {"from": desk.threecx.main_number, "to": customer, "text": "Our offer", "media_urls": given}

        sent = await desk.threecx.post(body)

        assert (sent.shown, sent.status, sent.body["details"]["field"]) == ("failed", 422, "media_urls")
        await desk.sees(customer, f"{NOTE}not sent, a message has one file, with its address; send several one by one")
        assert await desk.received_by(customer) == []


FILES = {
    "large.png": ("image/png", PNG + b"x" * 6_000_000, "the file is larger than 5 MB"),
    "page.pdf": ("application/pdf", b"<html>\x00</html>", "WhatsApp takes no files of this kind"),
    "locked.pdf": ("application/pdf", b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>\n%%EOF", "protected by a password"),
    "empty.png": ("image/png", b"", "the file is empty"),
    "voice.ogg": ("audio/ogg", b"OggS", "WhatsApp shows no text with a sound: send the text by itself"),
}


async def test_why_a_file_was_not_sent_is_told_in_a_sentence(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        for name, (kind, content, told) in FILES.items():
            desk.threecx.files[name] = (kind, content)
            customer = await desk.customer_writes()

            sent = await desk.threecx.write(customer, "Our offer", media_urls=[desk.threecx.file_url(name)])

            assert (sent.shown, sent.body["error"]) == ("failed", "invalid_media"), name
            assert told in await desk.sees(customer, NOTE), name
            assert await desk.received_by(customer) == []


async def test_a_template_shows_the_file_that_an_agent_sends_with_the_command_through_both_providers(
    gateway: Gateway,
) -> None:
    async with a_shop(gateway) as shop, a_desk(gateway, shop.integration, chat_commands=True) as desk:
        await gateway.done("PATCH", f"/accounts/{shop.integration.account_id}", {"require_opt_in": False})
        shop.server.templates = [SHOWN]
        await synced(gateway, shop.integration, 1)
        through_evolution = await bill_from(desk, gateway.a_customer())
        [message] = shop.server.sent
        link = message.body["components"][0]["parameters"][0]["document"]["link"]

        async with gateway.http.get(link) as response:
            fetched = await response.read()
    async with a_desk(gateway, chat_commands=True) as desk:
        await gateway.done("PATCH", f"/accounts/{desk.integration.account_id}", {"require_opt_in": False})
        await with_templates(gateway, desk, SHOWN)
        customer = gateway.a_customer()
        through_cloud_api = await bill_from(desk, customer)
        [sent] = await gateway.whatsapp.messages(to=customer.removeprefix("+"))

    assert (through_evolution.shown, through_cloud_api.shown) == ("sent", "sent")
    assert fetched == BILL
    assert "id" in sent.content["template"]["components"][0]["parameters"][0]["document"]


BILL = b"%PDF-1.7\n" + b"a bill\n" * 1000 + b"%%EOF"


async def bill_from(desk: Desk, customer: str) -> SentMessage:
    desk.threecx.files["bill.pdf"] = ("application/pdf", BILL)
    return await desk.threecx.write(customer, "/template bill | 7", media_urls=[desk.threecx.file_url("bill.pdf")])
