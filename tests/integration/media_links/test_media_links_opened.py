"""Links to customers' files: what they hand out, how, and which of them open nothing."""

import hashlib
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from libs.store.accounts import MediaLinkMode
from services.sender.domain.inbound_files import SAFE_HEADERS
from services.sender.domain.media_links import LinkRules
from tests.evolution_stub import StoredMedia
from tests.integration.media_links.links import OTHER_KEYS, opened
from tests.media_world import CLOUD, CUSTOMER_KEY, EVOLUTION, MediaWorld, now


async def test_a_link_opens_the_customers_file(world: MediaWorld) -> None:
    url = await world.received()

    response, body = await opened(world, url)

    assert response.status == 200
    assert body.startswith(b"media ")
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.headers["Content-Length"] == str(len(body))
    assert response.headers["Content-Disposition"].startswith("inline; filename*=UTF-8''image-")
    assert {name: response.headers[name] for name in SAFE_HEADERS} == dict(SAFE_HEADERS)


async def test_the_record_says_who_got_which_file_and_neither_content_nor_name(world: MediaWorld) -> None:
    url = await world.received(kind="document", fields={"filename": "invoice of Layla.pdf"})

    _, body = await opened(world, url)

    (event,) = world.broker.fetched
    assert (event.outcome, event.kind, event.bytes) == ("delivered", "document", len(body))
    assert event.sha256 == hashlib.sha256(body).hexdigest()
    assert (event.account_id, event.integration_id, event.number_id) == ("acc_1", "int_1", CLOUD)
    assert event.customer_key == CUSTOMER_KEY
    assert event.address == "127.0.0.1"
    assert "Layla" not in event.model_dump_json()


async def test_a_head_request_describes_the_file_and_leaves_no_record(world: MediaWorld) -> None:
    url = await world.received()

    response, body = await opened(world, url, "HEAD")

    assert (response.status, body) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0
    assert world.broker.events == []


async def test_a_link_opens_as_often_as_it_is_opened(world: MediaWorld) -> None:
    url = await world.received()

    bodies = [(await opened(world, url))[1] for _ in range(3)]

    assert len(set(bodies)) == 1
    assert [event.outcome for event in world.broker.fetched] == ["delivered"] * 3


async def test_evolutions_files_are_decoded_on_the_way(world: MediaWorld) -> None:
    content = bytes(range(256)) * 4097  # no multiple of three, and many pieces
    world.evolution.media["3A01"] = StoredMedia(content, "image/png", caption='a "base64": "trap\\" of a caption')
    url = world.link(number_id=EVOLUTION, message_id="3A01", fields={"id": None, "mime_type": "image/png"})

    response, body = await opened(world, url)

    assert (response.status, response.headers["Content-Type"]) == (200, "image/png")
    assert body == content
    assert world.broker.fetched[0].sha256 == hashlib.sha256(content).hexdigest()


BYTES = "application/octet-stream"


HOSTILE = {
    "a page": ("text/html", "x.html", BYTES, "attachment", "x.html.bin"),
    "an image that runs scripts": ("image/svg+xml", "x.svg", BYTES, "attachment", "x.svg.bin"),
    "a type with a header in it": ("image/png\r\nX-Evil: 1", "x.png", BYTES, "attachment", "x.png.bin"),
    "a PDF is never shown in place": ("application/pdf", "bill.pdf", "application/pdf", "attachment", "bill.pdf"),
    "a program called a PDF": ("application/pdf", "bill.exe", "application/pdf", "attachment", "bill.exe.pdf"),
    "a path": ("application/pdf", "../../etc/passwd", "application/pdf", "attachment", "etc_passwd.pdf"),
    "a name with a header in it": ("image/png", 'a"\r\nSet-Cookie: x', "image/png", "inline", "a_Set-Cookie_ x.png"),
    "a name that reads backwards": ("application/pdf", "gpj\u202e.exe", "application/pdf", "attachment", "gpj.exe.pdf"),
    "no name": ("audio/ogg; codecs=opus", None, "audio/ogg", "attachment", None),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE.keys())
async def test_no_type_and_no_name_makes_a_browser_run_the_file(
    case: tuple[str, str | None, str, str, str | None], world: MediaWorld
) -> None:
    told, name, sent, shown, saved = case
    await world.plan(told_type=told)
    url = await world.received(fields={"mime_type": told, "filename": name})

    response, _ = await opened(world, url)

    disposition, _, quoted = response.headers["Content-Disposition"].partition("; filename*=UTF-8''")
    assert (response.headers["Content-Type"], disposition) == (sent, shown)
    assert saved is None or unquote(quoted) == saved
    assert "X-Evil" not in response.headers
    assert "Set-Cookie" not in response.headers


def _forged(world: MediaWorld) -> str:
    return world.link(keys=OTHER_KEYS)


def _changed(world: MediaWorld) -> str:
    url = world.link()
    return f"{url[:-1]}{'A' if url[-1] != 'A' else 'B'}"


DEAD = {
    "sealed with a key of somebody else": _forged,
    "one character changed": _changed,
    "cut short": lambda world: world.link()[:-9],
    "empty": lambda world: f"{world.url}/media/",
    "no base64url": lambda world: f"{world.url}/media/%3Cscript%3E",
    "longer than any token": lambda world: f"{world.url}/media/{'A' * 7000}",
    "with a path behind it": lambda world: f"{world.link()}/more",
    "ended": lambda world: world.link(sent_at=now() - timedelta(hours=73)),
    "of a number that was removed": lambda world: world.link(number_id="num_gone"),
    "of an integration that was removed": lambda world: world.link(integration_id="int_gone"),
    "of an integration that is disabled": lambda world: world.link(integration_id="int_disabled"),
    "of an integration without links": lambda world: world.link(integration_id="int_off"),
    "a document where images alone have links": lambda world: world.link(integration_id="int_images", kind="document"),
    "of another account's number": lambda world: world.link(account_id="acc_2"),
}


@pytest.mark.parametrize("made", DEAD.values(), ids=DEAD.keys())
async def test_a_link_that_opens_nothing_is_answered_as_every_other_one(made: Any, world: MediaWorld) -> None:
    answers = [await opened(world, url) for url in (made(world), _forged(world))]

    (response, body), (other, same) = answers
    assert response.status == other.status == 404
    assert body == same
    assert {k: v for k, v in response.headers.items() if k != "Date"} == {
        k: v for k, v in other.headers.items() if k != "Date"
    }
    assert world.broker.events == []
    assert (await world.whatsapp.stats()).requests == 0


async def test_a_person_who_was_erased_has_no_files_any_more(world: MediaWorld) -> None:
    url = await world.received()
    await world.store.erased_customers.mark("acc_1", {CUSTOMER_KEY}, now())
    response, _ = await opened(world, url)

    later = world.link(sent_at=now() + timedelta(seconds=5))
    answered, _ = await opened(world, later)

    assert response.status == 404
    assert answered.status == 410  # what is written after the erasure is new; this made-up file does not exist
    assert world.broker.fetched[-1].outcome == "gone"


async def test_a_file_has_no_link_where_links_are_off() -> None:
    off, images = LinkRules(MediaLinkMode.OFF), LinkRules(MediaLinkMode.IMAGES)

    assert not off.allow("image")
    assert images.allow("sticker")
    assert not images.allow("document")


async def test_a_token_that_cannot_be_decrypted_is_no_ended_file(world: MediaWorld) -> None:
    number = await world.store.directory.number(number_id=CLOUD)
    assert number is not None
    changed = number.model_copy(update={"sealed_token": "k1:bad:bad", "version": 2})
    assert await world.store.registry.save(changed, [], created=False)

    response, _ = await opened(world, await world.received())

    assert response.status == 502
