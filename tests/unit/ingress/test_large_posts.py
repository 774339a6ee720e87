"""Large posts: read beside the event loop, published in slices, and in turns by account."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
import pytest
from multidict import CIMultiDict

from libs.chassis.loop_time import LoopTime
from libs.providers.cloud_api.webhook import CloudApiWebhooks
from libs.providers.inbound import Inbound, WebhookRequest, WebhookSecrets
from services.ingress.handlers.business_accounts import AttributeUpdates
from services.ingress.handlers.large_posts import (
    CALLERS_SECONDS,
    EVENTS_OF_A_PROVIDER,
    LARGE_BODY,
    LOOK_SECONDS,
    REST_SECONDS,
    LargePosts,
)
from services.ingress.handlers.receive import MAX_UNCONFIRMED, ReceiveProviderWebhook
from tests.unit.ingress.world import NOW, World, number
from tests.unit.providers.cloud_api.samples import MESSAGE, document_of

NUMBER = "106540352242922"
SOURCE = CloudApiWebhooks(WebhookSecrets(app_secret=b"secret", verify_token=b"token"))


@dataclass
class Source:
    """A source that notes the threads in which it reads."""

    threads: list[int] = field(default_factory=list)

    def challenge(self, query: Mapping[str, str]) -> str | None:
        return None

    def authenticate(self, request: WebhookRequest) -> bool:
        return True

    def parse(self, request: WebhookRequest) -> Inbound:
        self.threads.append(threading.get_ident())
        return Inbound()


def a_request(size: int) -> WebhookRequest:
    return WebhookRequest(headers=CIMultiDict(), received_at=NOW, body=b"x" * size)


def a_post(messages: int) -> WebhookRequest:
    said = [MESSAGE | {"id": f"wamid.{each}", "from": f"1650555{each:05d}"} for each in range(messages)]
    return WebhookRequest(headers=CIMultiDict(), received_at=NOW, body=orjson.dumps(document_of(messages=said)))


def a_receiver(world: World) -> ReceiveProviderWebhook:
    world.directory.numbers[NUMBER] = number(NUMBER)
    directory = world.directory
    attribute = AttributeUpdates(business_accounts=directory, learn=directory.learn, clock=lambda: NOW)
    return ReceiveProviderWebhook(directory=directory, publisher=world.broker, attribute=attribute)


async def test_a_large_post_is_read_in_another_thread_and_a_small_one_at_once() -> None:
    source, here = Source(), threading.get_ident()

    await LargePosts().read(source, a_request(LARGE_BODY))
    await LargePosts().read(source, a_request(LARGE_BODY + 1))

    small, large = source.threads
    assert small == here
    assert large != here


async def test_a_post_of_15000_messages_never_holds_the_loop_for_50_ms() -> None:
    receive = a_receiver(World())
    post = a_post(15_000)

    async def handle() -> int:
        inbound = await receive.large_posts.read(SOURCE, post)
        await receive("cloud_api", inbound)
        return len(inbound.events)

    handling = LoopTime(handle())

    assert await handling == 15_000
    assert handling.longest < 0.05


async def test_every_event_of_a_large_post_is_published_in_order_with_others_between() -> None:
    world = World()
    receive = a_receiver(world)
    inbound = SOURCE.parse(a_post(200))
    others = 0

    async def serve_others() -> None:
        nonlocal others
        while len(world.broker.taken) < 200:
            await asyncio.sleep(0)
            others += 1

    await asyncio.gather(receive("cloud_api", inbound), serve_others())

    assert [id_ for id_, _ in world.broker.taken] == [each.id for each in inbound.events]
    assert others > 200 / MAX_UNCONFIRMED


async def test_the_slices_of_several_accounts_take_turns() -> None:
    posts = LargePosts()
    slices: list[str] = []

    async def publish(account: str, count: int) -> None:
        for _ in range(count):
            async with posts.turn(account):
                slices.append(account)
                await asyncio.sleep(0)

    await asyncio.gather(publish("a", 6), publish("a", 6), publish("a", 6), publish("b", 3))

    assert slices[:6].count("b") == 3
    assert slices.count("a") == 18


@pytest.mark.parametrize(
    ("published", "seconds"),
    [
        (0, CALLERS_SECONDS),
        (EVENTS_OF_A_PROVIDER - 1, CALLERS_SECONDS),
        (EVENTS_OF_A_PROVIDER, REST_SECONDS + CALLERS_SECONDS),
    ],
)
async def test_a_slice_waits_for_callers_and_not_for_ever(published: int, seconds: float) -> None:
    looks = iter([2, 1, 0, 0])
    after_callers = LargePosts(lambda: next(looks))
    always = 0

    def waiting() -> int:
        nonlocal always
        always += 1
        return 1

    beside_callers = LargePosts(waiting)

    async with after_callers.turn("a", published=published), beside_callers.turn("b", published=published):
        left = list(looks)

    assert len(left) <= 1
    assert always == round(seconds / LOOK_SECONDS)
