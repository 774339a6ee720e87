"""Large posts: read elsewhere, few at a time, published in slices, and in turns by account."""

import asyncio
from dataclasses import dataclass, field

import orjson
import pytest
from multidict import CIMultiDict

from libs.chassis.loop_time import LoopTime
from libs.contracts.errors import ErrorCode, GatewayError
from libs.providers.cloud_api.webhook import CloudApiWebhooks
from libs.providers.inbound import Inbound, WebhookRequest, WebhookSecrets, WebhookSource
from services.ingress.adapters.reading_process import ReadingProcess
from services.ingress.handlers.business_accounts import AttributeUpdates
from services.ingress.handlers.large_posts import (
    CALLERS_SECONDS,
    EVENTS_OF_A_PROVIDER,
    LARGE_BODY,
    LATELY_SECONDS,
    LOOK_SECONDS,
    REPLENISHED_SECONDS,
    REST_SECONDS,
    UNREAD_POSTS,
    LargePosts,
)
from services.ingress.handlers.receive import MAX_UNCONFIRMED, ReceiveProviderWebhook
from services.ingress.ports import PostReader
from tests.cpu_time import a_small_heap
from tests.unit.ingress.world import NOW, ReadsAtOnce, World, number
from tests.unit.providers.cloud_api.samples import MESSAGE, document_of

NUMBER = "106540352242922"
SOURCE = CloudApiWebhooks(WebhookSecrets(app_secret=b"secret", verify_token=b"token"))


@dataclass
class Reader:
    """A PostReader that reads nothing until it may."""

    sizes: list[int] = field(default_factory=list)
    may: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, source: WebhookSource, request: WebhookRequest) -> Inbound:
        self.sizes.append(len(request.body))
        await self.may.wait()
        return Inbound()


def a_request(size: int) -> WebhookRequest:
    return WebhookRequest(headers=CIMultiDict(), received_at=NOW, body=b"x" * size)


def a_post(messages: int) -> WebhookRequest:
    said = [MESSAGE | {"id": f"wamid.{each}", "from": f"1650555{each:05d}"} for each in range(messages)]
    return WebhookRequest(headers=CIMultiDict(), received_at=NOW, body=orjson.dumps(document_of(messages=said)))


def a_receiver(world: World, reader: PostReader) -> ReceiveProviderWebhook:
    world.directory.numbers[NUMBER] = number(NUMBER)
    directory = world.directory
    attribute = AttributeUpdates(business_accounts=directory, learn=directory.learn, clock=lambda: NOW)
    return ReceiveProviderWebhook(
        directory=directory,
        publisher=world.broker,
        attribute=attribute,
        large_posts=LargePosts(reader),
    )


async def test_a_large_post_is_read_elsewhere_and_a_small_one_at_once() -> None:
    reader = Reader()
    posts = LargePosts(reader)

    await posts.read(SOURCE, a_request(LARGE_BODY))
    assert reader.sizes == []

    reader.may.set()
    await posts.read(SOURCE, a_request(LARGE_BODY + 1))
    assert reader.sizes == [LARGE_BODY + 1]


async def test_large_posts_are_read_one_at_a_time_and_the_provider_repeats_what_is_too_many() -> None:
    reader = Reader()
    posts = LargePosts(reader)
    waiting = [asyncio.create_task(posts.read(SOURCE, a_request(LARGE_BODY + 1))) for _ in range(UNREAD_POSTS)]
    await asyncio.sleep(0)

    with pytest.raises(GatewayError) as refused:
        await posts.read(SOURCE, a_request(LARGE_BODY + 1))

    assert refused.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert len(reader.sizes) == 1
    reader.may.set()
    await asyncio.gather(*waiting)
    assert len(reader.sizes) == UNREAD_POSTS
    await posts.read(SOURCE, a_request(LARGE_BODY + 1))


async def test_a_post_of_15000_messages_never_holds_the_loop_for_50_ms() -> None:
    post = a_post(15_000)
    async with ReadingProcess() as reader:
        receive = a_receiver(World(), reader)

        async def handle() -> int:
            inbound = await receive.large_posts.read(SOURCE, post)
            await receive("cloud_api", inbound)
            return len(inbound.events)

        handling = LoopTime(handle())
        with a_small_heap() as slowness:
            assert await handling == 15_000
    assert handling.longest < slowness.scaled(0.05)


async def test_every_event_of_a_large_post_is_published_in_order_with_others_between() -> None:
    world = World()
    receive = a_receiver(world, ReadsAtOnce())
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
    posts = LargePosts(ReadsAtOnce())
    slices: list[str] = []

    async def publish(account: str, count: int) -> None:
        for _ in range(count):
            async with posts.turn(account, events=8):
                slices.append(account)
                await asyncio.sleep(0)

    await asyncio.gather(publish("a", 6), publish("a", 6), publish("a", 6), publish("b", 3))

    assert slices[:6].count("b") == 3
    assert slices.count("a") == 18


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Callers:
    """How many callers wait, and how often that was asked."""

    waiting: int = 0
    looks: int = 0

    def __call__(self) -> int:
        self.looks += 1
        return self.waiting


@dataclass
class Posts:
    """Large posts beside callers."""

    clock: Clock = field(default_factory=Clock)
    callers: Callers = field(default_factory=Callers)

    def __post_init__(self) -> None:
        self.large_posts = LargePosts(ReadsAtOnce(), self.callers, self.clock)

    async def looks_before_slice(self, account: str = "a", *, events: int = 8) -> int:
        """How often the slice looks for callers before it is published; each look takes LOOK_SECONDS."""
        before = self.callers.looks
        async with self.large_posts.turn(account, events=events):
            return self.callers.looks - before

    async def publish(self, events: int, account: str = "a") -> None:
        """Publish so many events in slices while nobody waits."""
        waiting, self.callers.waiting = self.callers.waiting, 0
        self.clock.now += LATELY_SECONDS
        for _ in range(0, events, 8):
            assert await self.looks_before_slice(account) <= 2
        self.callers.waiting = waiting


CALLERS, REST = round(CALLERS_SECONDS / LOOK_SECONDS), round(REST_SECONDS / LOOK_SECONDS)


async def test_a_slice_waits_while_callers_wait_and_not_for_ever() -> None:
    posts = Posts(callers=Callers(waiting=1))

    assert await posts.looks_before_slice() == CALLERS


async def test_a_slice_waits_between_two_callers_who_come_one_after_the_other() -> None:
    posts = Posts(callers=Callers(waiting=1))
    await posts.looks_before_slice()

    posts.callers.waiting = 0
    posts.clock.now += LATELY_SECONDS / 2
    assert await posts.looks_before_slice() == CALLERS
    posts.clock.now += LATELY_SECONDS
    assert await posts.looks_before_slice() == 1


async def test_an_account_with_more_events_than_a_provider_puts_into_a_post_rests_in_every_post() -> None:
    posts = Posts()
    await posts.publish(EVENTS_OF_A_PROVIDER)
    posts.callers.waiting = 1

    assert await posts.looks_before_slice("a") == REST + CALLERS
    assert await posts.looks_before_slice("b") == CALLERS


async def test_a_post_with_as_many_events_as_a_provider_puts_into_one_never_rests() -> None:
    posts = Posts()
    await posts.publish(EVENTS_OF_A_PROVIDER - 8)
    posts.callers.waiting = 1

    assert await posts.looks_before_slice() == CALLERS


async def test_an_account_may_publish_again_after_a_minute_however_much_it_has_published() -> None:
    posts = Posts()
    await posts.publish(15 * EVENTS_OF_A_PROVIDER)
    posts.callers.waiting = 1
    assert await posts.looks_before_slice() == REST + CALLERS

    posts.clock.now += REPLENISHED_SECONDS

    assert await posts.looks_before_slice(events=EVENTS_OF_A_PROVIDER) == CALLERS


async def test_accounts_that_have_published_nothing_for_long_are_forgotten() -> None:
    posts = Posts()
    for each in range(100):
        await posts.looks_before_slice(f"acc_{each}")
        posts.clock.now += REPLENISHED_SECONDS / 10

    assert len(posts.large_posts._accounts) <= 11
