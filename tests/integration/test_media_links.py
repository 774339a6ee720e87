"""Links to customers' files: who may open one, what is handed out and how, and what becomes of every bad case."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
from aiohttp import web

from libs.store.accounts import MediaLinkMode
from libs.store.restrictions import RestrictionKind, of_number
from services.sender.domain.inbound_files import SAFE_HEADERS
from services.sender.domain.media_links import LinkRules
from tests.evolution_stub import StoredMedia
from tests.media_world import CLOUD, CUSTOMER_KEY, EVOLUTION, MediaWorld, a_media_world, now
from tools.simulator.webhook_payloads import media_bytes_of

OTHER_KEYS = "k1:" + base64.b64encode(b"x" * 32).decode()
CUT = (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
MEGABYTE = 1024 * 1024


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[MediaWorld]:
    async with a_media_world(tmp_path) as world:
        yield world


async def opened(
    world: MediaWorld, url: str, method: str = "GET", **options: Any
) -> tuple[aiohttp.ClientResponse, bytes]:
    async with world.session.request(method, url, **options) as response:
        return response, await response.read()


# ---------------------------------------------------------------- what is handed out


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


# ---------------------------------------------------------------- links that open nothing


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


# ---------------------------------------------------------------- providers that do not answer well

UNAVAILABLE = (502, "media_unavailable", "unavailable")
FAULTS: dict[str, tuple[dict[str, Any], tuple[int, str, str]]] = {
    "Graph does not know the id": ({"code": 100}, (410, "media_expired", "gone")),
    "Graph refuses the token": ({"code": 190}, (502, "media_unavailable", "credentials")),
    "Graph fails": ({"status": 503}, UNAVAILABLE),
    "Graph refuses without a code": ({"status": 401}, (502, "media_unavailable", "credentials")),
    "the URL has ended twice": ({"ended_urls": 2}, UNAVAILABLE),
    "the file is somewhere else": ({"url": "https://evil.example.com/x"}, UNAVAILABLE),
    "the file's host ends like an allowed one": ({"url": "https://evil127.0.0.1.example.com/x"}, UNAVAILABLE),
    "the URL holds a user": ({"url": "http://127.0.0.1@evil.example.com/"}, UNAVAILABLE),
    "the URL is none": ({"url": "::"}, UNAVAILABLE),
    "a redirect leads elsewhere": ({"redirect": "https://evil.example.com/x"}, UNAVAILABLE),
    "the file's host refuses the token that Graph took": ({"download": "refused"}, UNAVAILABLE),
    "the first piece never comes": ({"download": "hang", "size": 10}, (502, "media_unavailable", "broken")),
    "it ends before its first piece does": ({"download": "cut", "size": 10}, (502, "media_unavailable", "broken")),
}


@pytest.mark.parametrize(("plan", "answer"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_provider_without_the_file_is_told_apart(
    plan: dict[str, Any], answer: tuple[int, str, str], world: MediaWorld
) -> None:
    status, code, outcome = answer
    url = await world.received()
    await world.plan(**plan)

    response, _ = await opened(world, url)

    assert response.status == status
    assert (await response.json())["error"] == code
    assert response.headers.get("Retry-After") == (None if status == 410 else "5")
    assert [event.outcome for event in world.broker.fetched] == [outcome]


@asynccontextmanager
async def another_host() -> AsyncIterator[tuple[str, list[str]]]:
    """A server that anybody reaches and that is on no list, and the tokens that it was sent."""
    tokens: list[str] = []

    async def take(request: web.Request) -> web.Response:
        tokens.append(request.headers.get("Authorization", ""))
        return web.Response(body=b"media")

    app = web.Application()
    app.router.add_get("/x", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"localhost:{runner.addresses[0][1]}", tokens
    await runner.cleanup()


@pytest.mark.parametrize("way", ["url", "redirect"])
@pytest.mark.parametrize("form", ["http://{}/x", "http://127.0.0.1@{}/x", "http://{}/x#127.0.0.1"])
async def test_the_token_is_sent_to_listed_hosts_alone(way: str, form: str, world: MediaWorld) -> None:
    url = await world.received()
    async with another_host() as (host, tokens):
        async with world.session.get(f"http://{host}/x") as reachable:
            assert reachable.status == 200
        await world.plan(**{way: form.format(host)})

        response, _ = await opened(world, url)

    assert response.status == 502
    assert tokens == [""]  # that of the look whether it can be reached


async def test_a_url_that_has_ended_is_asked_for_anew(world: MediaWorld) -> None:
    url = await world.received()
    await world.plan(ended_urls=1)

    response, body = await opened(world, url)

    assert response.status == 200
    assert body


async def test_a_redirect_within_the_allowed_hosts_is_followed(world: MediaWorld) -> None:
    url = await world.received()
    await world.plan(redirect="?ext=99999999999&redirected=1")

    response, _ = await opened(world, url)

    assert response.status == 200


async def test_a_refused_token_stops_the_number_as_a_refused_message_does(world: MediaWorld) -> None:
    url = await world.received()
    await world.plan(code=190)

    for _ in range(2):
        await opened(world, url)

    standing = await world.store.standing_restrictions.standing("acc_1", [of_number(CLOUD)], now())
    assert [each.kind for each in standing] == [RestrictionKind.CREDENTIALS]


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "the provider breaks off": ({"download": "cut"}, "broken"),
    "the provider stops": ({"download": "hang"}, "broken"),
    "the provider sends more than it told": ({"told_size": MEGABYTE}, "broken"),
    "the provider sends less than it told": ({"told_size": 3 * MEGABYTE}, "broken"),
    "another file than WhatsApp told of": ({"told_sha256": "0" * 64}, "mismatch"),
    "a file that never ends": ({"download": "endless"}, "broken"),
}


@pytest.mark.parametrize(("plan", "outcome"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_file_that_is_not_whole_never_ends_as_if_it_were(
    plan: dict[str, Any], outcome: str, world: MediaWorld
) -> None:
    await world.plan(size=2 * MEGABYTE)
    url = await world.received()
    await world.plan(**plan)

    with pytest.raises(CUT):
        await opened(world, url)

    await _until(lambda: bool(world.broker.fetched))
    (event,) = world.broker.fetched
    assert (event.outcome, event.sha256) == (outcome, None)


async def test_a_short_file_that_is_another_one_is_cut_too(world: MediaWorld) -> None:
    url = await world.received()
    await world.plan(told_sha256="0" * 64)

    with pytest.raises(CUT):
        await opened(world, url)


async def test_the_webhooks_digest_counts_where_graph_tells_none(world: MediaWorld) -> None:
    url = await world.received(fields={"sha256": base64.b64encode(bytes(32)).decode()})
    await world.plan(told_sha256="unreadable")

    with pytest.raises(CUT):
        await opened(world, url)


async def test_a_slow_provider_has_so_long_and_no_longer(tmp_path: Path) -> None:
    async with a_media_world(tmp_path, media_seconds=1) as world:
        await world.plan(size=2 * MEGABYTE, pause=0.2)  # each piece in time, and all of them in 6 s
        url = await world.received()

        with pytest.raises(CUT):
            await opened(world, url)

        await _until(lambda: bool(world.broker.fetched))
        assert world.broker.fetched[0].outcome == "timeout"


async def test_a_file_that_is_too_large_is_refused_and_described(tmp_path: Path) -> None:
    async with a_media_world(tmp_path, media_max_bytes=1000) as world:
        await world.plan(size=1001)
        url = await world.received()

        refused, _ = await opened(world, url)
        described, _ = await opened(world, url, "HEAD")

        assert (refused.status, (await refused.json())["details"]) == (413, {"limit": 1000})
        assert (described.status, described.headers["Content-Length"]) == (200, "1001")


EVOLUTION_FAULTS: dict[str, tuple[StoredMedia | None, int | None, str]] = {
    "a message that it does not know": (None, 410, "gone"),
    "an answer without a file": (StoredMedia(raw=b'{"mimetype":"image/png","base64":null}'), 502, "unavailable"),
    "no JSON": (StoredMedia(raw=b"<html>"), 502, "unavailable"),
    "a head without end": (StoredMedia(raw=b'{"caption":"' + b"x" * 300_000), 502, "unavailable"),
    "its own failure": (StoredMedia(raw=b"{}", status=500), 502, "unavailable"),
    "what is no base64": (StoredMedia(raw=b'{"base64":"####"}'), 502, "broken"),
    "a file without end": (StoredMedia(raw=b'{"base64":"' + b"AAAA" * 9), 502, "broken"),
    "a file of which it told too large a size": (
        StoredMedia(raw=b'{"size":{"fileLength":"1048577"},"base64":"AAAA"}'),
        413,
        "too_large",
    ),
    "a file that grows too large": (StoredMedia(raw=b'{"base64":"' + b"AAAA" * 400_000 + b'"}'), None, "broken"),
}


@pytest.mark.parametrize(("answer", "status", "outcome"), EVOLUTION_FAULTS.values(), ids=EVOLUTION_FAULTS.keys())
async def test_evolutions_answers_are_told_apart(
    answer: StoredMedia | None, status: int | None, outcome: str, tmp_path: Path
) -> None:
    async with a_media_world(tmp_path, media_max_bytes=MEGABYTE) as world:
        if answer is not None:
            world.evolution.media["3A01"] = answer
        url = world.link(number_id=EVOLUTION, message_id="3A01", fields={"id": None})

        try:
            response, _ = await opened(world, url)
        except CUT:
            assert status is None
        else:
            assert response.status == status

        await _until(lambda: bool(world.broker.fetched))
        assert world.broker.fetched[0].outcome == outcome


async def test_an_evolution_server_that_refuses_the_key_is_no_ended_file(world: MediaWorld) -> None:
    world.evolution.instances["main"] = "another key"

    response, _ = await opened(world, world.link(number_id=EVOLUTION, message_id="3A01"))

    assert response.status == 502


# ---------------------------------------------------------------- callers


async def test_one_address_opens_so_many_links_a_minute(tmp_path: Path) -> None:
    async with a_media_world(tmp_path, media_requests_per_minute=3, trusted_proxies="127.0.0.0/8") as world:
        url = await world.received()
        one, other = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "203.0.113.10"}

        answers = [(await opened(world, url, headers=one))[0].status for _ in range(3)]
        refused, _ = await opened(world, f"{world.url}/media/forged", headers=one)
        elsewhere, _ = await opened(world, url, headers=other)

        # Where a minute of the clock ended in between, the budget began anew.
        assert answers == [200] * 3
        assert refused.status == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 61
        assert elsewhere.status == 200
        assert world.broker.fetched[0].address == "203.0.113.9"


async def test_a_caller_without_a_trusted_proxy_does_not_choose_its_address(world: MediaWorld) -> None:
    url = await world.received()

    await opened(world, url, headers={"X-Forwarded-For": "203.0.113.9"})

    assert world.broker.fetched[0].address == "127.0.0.1"


async def test_one_integration_gets_so_many_files_at_once(tmp_path: Path) -> None:
    async with a_media_world(tmp_path, media_streams=2) as world:
        await world.plan(size=4 * MEGABYTE, pause=0.05)
        url = await world.received()
        async with world.session.get(url) as first, world.session.get(url) as second:
            third, _ = await opened(world, url)

            assert (first.status, second.status, third.status) == (200, 200, 429)
        await world.plan(size=4 * MEGABYTE, pause=0)

        async def free() -> bool:
            return (await opened(world, url))[0].status == 200

        async with asyncio.timeout(20):
            while not await free():
                await asyncio.sleep(0.05)


async def test_a_caller_who_goes_away_frees_the_file(world: MediaWorld) -> None:
    await world.plan(size=32 * MEGABYTE)
    url = await world.received()

    async with aiohttp.ClientSession() as caller:
        response = await caller.get(url)
        await response.content.readexactly(10)
        response.close()

    await _until(lambda: bool(world.broker.fetched))
    assert world.broker.fetched[0].outcome == "caller_gone"


async def test_nobody_gets_a_whole_file_while_the_record_cannot_be_written(world: MediaWorld) -> None:
    url = await world.received()
    world.broker.away = True
    short, _ = await opened(world, url)

    await world.plan(size=2 * MEGABYTE)
    long = await world.received()
    with pytest.raises(CUT):
        await opened(world, long)

    assert short.status == 503
    assert world.broker.fetched == []


async def test_other_methods_and_paths_are_refused(world: MediaWorld) -> None:
    posted, _ = await opened(world, world.link(), "POST", data=b"x")
    elsewhere, _ = await opened(world, f"{world.url}/metrics")

    assert (posted.status, posted.headers["Allow"]) == (405, "GET, HEAD")
    assert elsewhere.status == 404


def test_the_stand_in_repeats_its_content() -> None:
    assert media_bytes_of("5", 20) == (b"media 5" * 3)[:20]


async def _until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
