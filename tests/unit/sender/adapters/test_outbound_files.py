"""Getting files to send: addresses are checked after each redirect, sizes while reading, uploads by account."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from libs.contracts.content import MediaKind, MediaRequest
from libs.contracts.errors import ErrorCode
from libs.store.factory import open_store
from libs.store.store import Store
from libs.store.uploads import Upload
from services.sender.adapters.forward_client import AddressLimits, open_forward_session
from services.sender.adapters.outbound_files import MediaFiles
from services.sender.domain.outbound_files import NoFile
from tests.builders import NOON, SEALER
from tests.unit.sender.adapters.test_forward_client import Pbx, a_pbx

ID = "upl_" + "0a" * 16
ANYWHERE = AddressLimits(private_allowed=True, ports=())
INTERNET = AddressLimits(private_allowed=False, ports=(443,))
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    yield opened
    await opened.close()


@asynccontextmanager
async def files_over(
    store: Store, limits: AddressLimits = ANYWHERE, *, fetch_s: float = 5.0, now: datetime = NOON
) -> AsyncIterator[MediaFiles]:
    async with open_forward_session(limits, timeout_s=5.0, connections=4) as session:
        yield MediaFiles(session, limits, store.uploads, SEALER, lambda: now, fetch_s)


def picture(url: str) -> MediaRequest:
    return MediaRequest(kind=MediaKind.IMAGE, url=url)


async def got(store: Store, answer: Answer, *, path: str = "/a", fetch_s: float = 5.0) -> tuple[bytes | NoFile, Pbx]:
    async with a_pbx(answer) as server, files_over(store, fetch_s=fetch_s) as files:
        found = await files.get(picture(server.url.replace("/hook", path)), "acc-1")
        if isinstance(found, NoFile):
            return found, server
        found.file.seek(0)
        with found.file as file:
            return file.read(), server


async def test_a_file_is_read_whole(store: Store) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"content", content_type="image/png")

    assert (await got(store, answer))[0] == b"content"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://files.example.com/a", "not_https"),
        ("https://files.example.com:22/a", "port_refused"),
        ("https://127.0.0.1/a", "address_refused"),
        ("https://[::ffff:10.0.0.1]/a", "address_refused"),
        ("https://169.254.169.254/latest", "address_refused"),
        ("ftp://files.example.com/a", "invalid_url"),
        ("https://", "invalid_url"),
    ],
)
async def test_an_address_inside_is_refused(store: Store, url: str, reason: str) -> None:
    async with files_over(store, INTERNET) as files:
        assert await files.get(picture(url), "acc-1") == NoFile(reason)


async def test_a_redirect_to_an_address_inside_is_refused(store: Store) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "file:///etc/passwd"})

    assert (await got(store, answer))[0] == NoFile("invalid_url")


async def test_redirects_end(store: Store) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/again"})

    found, server = await got(store, answer)

    assert (found, len(server.reached)) == (NoFile("too_many_redirects"), 4)


async def test_a_declared_length_over_the_limit_is_not_read(store: Store) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "6000000"})
        await response.prepare(request)
        return response

    assert (await got(store, answer))[0] == NoFile("too_large")


async def test_an_endless_file_is_cut_off(store: Store) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)

    assert (await got(store, answer))[0] == NoFile("too_large")


async def test_a_slow_file_is_given_up(store: Store) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await request.content.read()
        while not request.transport or not request.transport.is_closing():
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response

    assert (await got(store, answer, fetch_s=0.3))[0] == NoFile("timeout")


@pytest.mark.parametrize(("status", "reason"), [(404, "not_found"), (403, "http_error"), (500, "http_error")])
async def test_an_answer_without_a_file_says_so(store: Store, status: int, reason: str) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="secret page")

    assert (await got(store, answer))[0] == NoFile(reason)


async def uploaded(store: Store, *, complete: bool = True) -> None:
    upload = Upload(id=ID, account_id="acc-1", at=NOON)
    await store.uploads.begin(upload)
    for position, part in enumerate((b"one", b"two")):
        sealed = SEALER.seal_bytes(part, owner=ID, field_name=f"chunk {position}")
        await store.uploads.add_chunk(ID, position, sealed, at=NOON)
    if complete:
        await store.uploads.complete(Upload(id=ID, account_id="acc-1", at=NOON, bytes=6, sha256="ab"))


GONE = NoFile("upload_ended", ErrorCode.MEDIA_EXPIRED)
UNKNOWN = NoFile("unknown_upload")
MEDIA = MediaRequest(kind=MediaKind.DOCUMENT, upload_id=ID)


async def test_an_upload_is_opened_for_its_account_alone(store: Store) -> None:
    await uploaded(store)
    async with files_over(store) as files:
        found = await files.get(MEDIA, "acc-1")
        assert not isinstance(found, NoFile)
        with found.file as file:
            file.seek(0)
            assert file.read() == b"onetwo"
        assert await files.get(MEDIA, "acc-2") == UNKNOWN


async def test_an_upload_that_is_not_complete_cannot_be_sent(store: Store) -> None:
    await uploaded(store, complete=False)
    async with files_over(store) as files:
        assert await files.get(MEDIA, "acc-1") == UNKNOWN


async def test_an_upload_ends_with_its_day_and_when_it_was_sent(store: Store) -> None:
    await uploaded(store)
    async with files_over(store, now=NOON + timedelta(hours=24)) as files:
        assert await files.get(MEDIA, "acc-1") == GONE
    async with files_over(store) as files:
        await files.delete(MEDIA)
        assert await files.get(MEDIA, "acc-1") == GONE


async def test_a_chunk_that_was_changed_is_not_sent(store: Store) -> None:
    await uploaded(store)
    sealed = await store.uploads.chunk(ID, 0)
    assert sealed is not None
    await store.uploads.add_chunk(ID, 1, sealed, at=NOON)  # a chunk in another's place
    async with files_over(store) as files:
        assert await files.get(MEDIA, "acc-1") == NoFile("upload_unreadable")
