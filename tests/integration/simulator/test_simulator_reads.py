"""Reads of the Graph API: numbers, versions and media."""

import base64
import hashlib

import pytest

from tests.integration.simulator.world import BEARER, CUSTOMER, NUMBER, Callback, WhatsApp, read
from tools.simulator.faults import Fault, FaultStep, Match


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
