"""Links to files whose provider does not answer well: told apart, and never half a file for a whole one."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from libs.store.restrictions import RestrictionKind, of_number
from tests.evolution_stub import StoredMedia
from tests.integration.media_links.links import CUT, MEGABYTE, opened, until
from tests.media_world import CLOUD, EVOLUTION, MediaWorld, a_media_world, now

UNAVAILABLE = (502, "media_unavailable", "unavailable")


FAULTS: dict[str, tuple[dict[str, Any], tuple[int, str, str]]] = {
    "Graph does not know the id": ({"code": 100}, (410, "media_expired", "gone")),
    "Graph refuses the token": ({"code": 190}, (502, "media_unavailable", "credentials")),
    "Graph fails": ({"status": 503}, UNAVAILABLE),
    "Graph does not answer": ({"silent": True}, UNAVAILABLE),
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

    await until(lambda: bool(world.broker.fetched))
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

        await until(lambda: bool(world.broker.fetched))
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

        await until(lambda: bool(world.broker.fetched))
        assert world.broker.fetched[0].outcome == outcome


async def test_an_evolution_server_that_refuses_the_key_is_no_ended_file(world: MediaWorld) -> None:
    world.evolution.instances["main"] = "another key"

    response, _ = await opened(world, world.link(number_id=EVOLUTION, message_id="3A01"))

    assert response.status == 502
