"""Links to the files of templates: WhatsApp fetches what was checked, from us, and nobody fetches anything else."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from libs.contracts.content import MediaKind, MediaRequest
from libs.store.sealer import sealer_from
from libs.store.uploads import Upload
from services.sender.domain.outbound_files import CheckedFile
from services.sender.domain.template_files import LIFETIME, TemplateFileLinks
from tests.integration.media_links.links import CUT, MEGABYTE, opened, until
from tests.media_world import CLOUD, CUSTOMER_KEY, EVOLUTION, KEYS, MediaWorld, a_media_world, now
from tests.unit.sender.gateway import EVENT, approved

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 4096
UPLOAD = "upl_" + "0a" * 16
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Shelf:
    """A web server whose one file is at `url`; `answer` says how it is given."""

    answer: Answer
    url: str = ""
    asked: int = 0

    async def get(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        return await self.answer(request)


async def whole(_: web.Request) -> web.StreamResponse:
    return web.Response(body=PDF, content_type="application/pdf")


@asynccontextmanager
async def shelf(answer: Answer = whole) -> AsyncIterator[Shelf]:
    server = Shelf(answer)
    app = web.Application()
    app.router.add_get("/{name}", server.get)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/bill.pdf"
    yield server
    await runner.cleanup()


def link_to(world: MediaWorld, url: str | None = None, *, age: timedelta = timedelta(), **changes: Any) -> str:
    """A link to a document that a template shows, as sender makes it."""
    message = {"account_id": "acc_1", "integration_id": "int_1", "number_id": EVOLUTION, "customer_key": CUSTOMER_KEY}
    media = MediaRequest(kind=MediaKind.DOCUMENT, url=url, upload_id=None if url else UPLOAD, filename="bill.pdf")
    file = CheckedFile("application/pdf", len(PDF), hashlib.sha256(PDF).hexdigest())
    links = TemplateFileLinks(base_url=world.url, keys=sealer_from(KEYS).keys)
    link = links.link(approved(**message | changes), media, file, name="bill.pdf", now=now() - age)
    assert link is not None
    return link


async def test_whatsapp_gets_the_checked_file_with_its_type_and_the_record_says_so(world: MediaWorld) -> None:
    async with shelf() as server:
        response, body = await opened(world, link_to(world, server.url))

    assert (response.status, body) == (200, PDF)
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Length"] == str(len(PDF))
    assert response.headers["Content-Disposition"].endswith("bill.pdf")
    (event,) = world.broker.fetched
    assert (event.outcome, event.kind, event.bytes) == ("delivered", "document", len(PDF))
    assert (event.message_id, event.number_id, event.customer_key) == (str(EVENT), EVOLUTION, CUSTOMER_KEY)
    assert event.sha256 == hashlib.sha256(PDF).hexdigest()


async def test_a_head_request_describes_the_file_without_asking_for_it(world: MediaWorld) -> None:
    async with shelf() as server:
        response, _ = await opened(world, link_to(world, server.url), "HEAD")

        assert (response.status, response.headers["Content-Length"]) == (200, str(len(PDF)))
        assert server.asked == 0


async def test_an_upload_is_streamed_from_the_store(world: MediaWorld) -> None:
    sealer = sealer_from(KEYS)
    upload = Upload(id=UPLOAD, account_id="acc_1", at=now())
    assert await world.store.uploads.begin(upload)
    for at in range(0, len(PDF), MEGABYTE // 4):
        position = at * 4 // MEGABYTE
        piece = PDF[at : at + MEGABYTE // 4]
        sealed = sealer.seal_bytes(piece, owner=UPLOAD, field_name=f"chunk {position}")
        await world.store.uploads.add_chunk(UPLOAD, position, sealed, at=now())
    digest = hashlib.sha256(PDF).hexdigest()
    await world.store.uploads.complete(replace(upload, bytes=len(PDF), sha256=digest, mime_type="application/pdf"))

    response, body = await opened(world, link_to(world))
    await world.store.uploads.delete(UPLOAD)
    gone, _ = await opened(world, link_to(world))

    assert (response.status, body) == (200, PDF)
    assert (gone.status, world.broker.fetched[-1].outcome) == (410, "gone")


async def another(_: web.Request) -> web.StreamResponse:
    return web.Response(body=PDF[:-1] + b"!", content_type="application/pdf")


async def shorter(_: web.Request) -> web.StreamResponse:
    return web.Response(body=PDF[:-1000], content_type="application/pdf")


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(PDF)


@pytest.mark.parametrize(("answer", "outcome"), [(another, "mismatch"), (shorter, "mismatch"), (endless, "broken")])
async def test_a_file_that_changed_after_the_check_never_arrives_whole(
    answer: Answer, outcome: str, world: MediaWorld
) -> None:
    async with shelf(answer) as server:
        with pytest.raises(CUT):
            await opened(world, link_to(world, server.url))

        await until(lambda: bool(world.broker.fetched))
    assert (world.broker.fetched[0].outcome, world.broker.fetched[0].sha256) == (outcome, None)


async def missing(_: web.Request) -> web.StreamResponse:
    return web.Response(status=404)


async def failing(_: web.Request) -> web.StreamResponse:
    return web.Response(status=500)


async def going_round(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": str(request.url)})


@pytest.mark.parametrize(("answer", "status"), [(missing, 410), (failing, 502), (going_round, 502)])
async def test_an_address_without_the_file_is_told(answer: Answer, status: int, world: MediaWorld) -> None:
    async with shelf(answer) as server:
        response, _ = await opened(world, link_to(world, server.url))

    assert response.status == status


async def test_a_server_that_is_gone_is_told(world: MediaWorld) -> None:
    response, _ = await opened(world, link_to(world, "http://127.0.0.1:9/bill.pdf"))

    assert (response.status, response.headers["Retry-After"]) == (502, "5")


DEAD: dict[str, dict[str, Any]] = {
    "ended": {"age": LIFETIME + timedelta(seconds=1)},
    "of a number that was removed": {"number_id": "num_gone"},
    "of another account's number": {"account_id": "acc_2"},
}


@pytest.mark.parametrize("changes", DEAD.values(), ids=DEAD.keys())
async def test_a_link_that_opens_nothing_asks_nobody(changes: dict[str, Any], world: MediaWorld) -> None:
    async with shelf() as server:
        response, body = await opened(world, link_to(world, server.url, **changes))
        forged, same = await opened(world, f"{world.url}/media/forged")

        assert (response.status, body, server.asked) == (404, same, 0)
        assert forged.status == 404


async def test_the_file_of_a_person_who_was_erased_is_not_fetched(world: MediaWorld) -> None:
    async with shelf() as server:
        url = link_to(world, server.url)
        await world.store.erased_customers.mark("acc_1", {CUSTOMER_KEY}, now())

        assert (await opened(world, url))[0].status == 404
        assert server.asked == 0


async def test_it_opens_whatever_links_the_integration_has_for_customers_files(world: MediaWorld) -> None:
    async with shelf() as server:
        for integration in ("int_off", "int_disabled", None):
            response, _ = await opened(world, link_to(world, server.url, integration_id=integration))
            assert response.status == 200, integration


async def test_whatsapps_few_addresses_fetch_as_many_as_were_sent(tmp_path: Path) -> None:
    async with a_media_world(tmp_path, media_requests_per_minute=1) as world, shelf() as server:
        answers = [(await opened(world, link_to(world, server.url)))[0].status for _ in range(5)]
        others = [(await opened(world, f"{world.url}/media/forged"))[0].status for _ in range(3)]

    assert answers == [200] * 5
    assert 429 in others


async def test_one_numbers_files_leave_those_of_customers_alone(tmp_path: Path) -> None:
    done = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(PDF[:MEGABYTE])
        await done.wait()
        return response

    async with a_media_world(tmp_path, media_streams=1) as world, shelf(slow) as server:
        async with world.session.get(link_to(world, server.url)) as first:
            second, _ = await opened(world, link_to(world, server.url))
            customers, _ = await opened(world, await world.received())

            assert (first.status, second.status, customers.status) == (200, 429, 200)
        done.set()


def test_no_link_without_a_base_url_or_for_an_address_that_does_not_fit() -> None:
    file = CheckedFile("application/pdf", 1, "a" * 64)
    links = TemplateFileLinks(base_url=None, keys=sealer_from(KEYS).keys)
    long = MediaRequest(kind=MediaKind.DOCUMENT, url="https://example.com/" + "\u00e4" * 2000)

    assert links.link(approved(), long, file, name=None, now=now()) is None
    based = replace(links, base_url="https://gateway.example.com/")
    assert based.link(approved(), long, file, name=None, now=now()) is None
    short = based.link(
        approved(number_id=CLOUD), long.model_copy(update={"url": "https://a"}), file, name=None, now=now()
    )
    assert short is not None
    assert short.startswith("https://gateway.example.com/media/")
