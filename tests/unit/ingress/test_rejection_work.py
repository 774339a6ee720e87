"""A rejection costs the same whether the integration or the number exists: nothing is learnt from how long it takes.

Time itself decides no test. What takes the time is counted instead: reads of the store, publishes, records, and the
hashes, comparisons and parsed rows of the authentication.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pytest

from libs.contracts.events import WebhookRejected
from libs.store.accounts import SecretHash
from tests.unit.ingress.test_threecx_webhooks_authentication import PATH
from tests.unit.ingress.world import NOW, SECRET, TEST_EVENT, World, http_client, integration, number

JSON = ("Content-Type", "application/json")
COUNTED = {"openssl_sha256", "compare_digest", "hmac_new", "hmac_digest", "new", "validate_json"}
BUDGET = 20
"""Rejections of one address that are recorded one by one in a minute."""


@dataclass
class Work:
    """What a request cost."""

    reads: int = 0
    tried: int = 0
    recorded: int = 0
    calls: Counter[str] = field(default_factory=Counter)


@contextmanager
def counted(world: World) -> Iterator[Work]:
    """Count the work of what runs meanwhile on this thread: the server's and the client's, which is always the same."""
    work = Work(-world.directory.reads, -world.broker.tried, -len(world.rejections.events))

    def profile(_: FrameType, event: str, called: Any) -> None:
        name = getattr(called, "__name__", "")
        if event == "c_call" and name in COUNTED:
            work.calls[name] += 1

    sys.setprofile(profile)
    try:
        yield work
    finally:
        sys.setprofile(None)
        work.reads += world.directory.reads
        work.tried += world.broker.tried
        work.recorded += len(world.rejections.events)


def a_world() -> World:
    world = World()
    two = (SecretHash(sha256="11" * 32), SecretHash(sha256="22" * 32, valid_until=NOW))
    world.directory.integrations |= {
        "int-off": integration(id="int-off", enabled=False),
        "int-elsewhere": integration(id="int-elsewhere", allowed_ips=("198.51.100.0/24", "192.0.2.0/24")),
        "int-rotated": integration(id="int-rotated", secrets=two, path_tokens=two),
        "int-bare": integration(id="int-bare", secrets=()),
    }
    return world


@dataclass(frozen=True)
class Attempt:
    """A request without valid credentials."""

    to: str
    secret: str | None = "guessed"
    headers: Sequence[tuple[str, str]] = (JSON,)
    body: bytes = TEST_EVENT


ATTEMPTS = {
    "an unknown integration": Attempt("nobody"),
    "an id that cannot be one": Attempt("i" * 500),
    "an integration that exists": Attempt("int-1"),
    "its secret is missing": Attempt("int-1", secret=None),
    "an unknown one without a secret": Attempt("nobody", secret=None),
    "one that signs": Attempt("int-strict"),
    "a paused one": Attempt("int-off"),
    "a paused one, with its secret": Attempt("int-off", secret=SECRET),
    "one with an allowlist": Attempt("int-elsewhere"),
    "one with an allowlist, with its secret from elsewhere": Attempt("int-elsewhere", secret=SECRET),
    "one in the overlap of two secrets": Attempt("int-rotated"),
    "one without a secret": Attempt("int-bare"),
    "a path token of an unknown one": Attempt("nobody/guessed", secret=None),
    "a path token of one with tokens": Attempt("int-rotated/guessed", secret=None),
    "a path token of one without tokens": Attempt("int-1/guessed", secret=None),
    "a body over the limit, unknown": Attempt("nobody", body=b"x" * 300_000),
    "a body over the limit": Attempt("int-1", body=b"x" * 300_000),
}
STATES: dict[str, Callable[[World], None]] = {
    "nothing cached": lambda _: None,
    "everything cached": lambda world: setattr(world.directory, "caches", True),
}


@pytest.mark.parametrize("prepare", STATES.values(), ids=STATES.keys())
@pytest.mark.parametrize("failures", [0, BUDGET], ids=["within the budget", "over the budget"])
async def test_every_rejection_costs_the_same(prepare: Callable[[World], None], failures: int) -> None:
    costs: dict[str, Work] = {}

    for name, attempt in ATTEMPTS.items():
        world = a_world()
        prepare(world)
        async with http_client(world) as client:
            for made_up in range(failures):
                await client.post(to=f"{PATH}made-up-{made_up}")
            with counted(world) as costs[name]:
                answer = await client.post(
                    attempt.body, to=PATH + attempt.to, secret=attempt.secret, headers=attempt.headers
                )
        assert answer.status == 401, name

    expected = costs["an unknown integration"]
    assert (expected.reads, expected.tried, expected.recorded) == (1, 0, 0 if failures else 1)
    assert expected.calls["openssl_sha256"] > 0
    assert expected.calls["compare_digest"] > 0
    assert {name: cost for name, cost in costs.items() if cost != expected} == {}


@pytest.mark.parametrize("used_up_on", ["int-1", "nobody"], ids=["known", "unknown"])
async def test_the_budget_of_an_address_is_one_for_known_and_unknown_ids(used_up_on: str) -> None:
    for asked in ("int-1", "int-off", "nobody", "somebody"):
        world = a_world()
        async with http_client(world) as client:
            for _ in range(BUDGET):
                await client.post(to=PATH + used_up_on, secret="guessed")
            recorded = len(world.rejections.events)
            await client.post(to=PATH + asked, secret="guessed")

        assert recorded == BUDGET
        assert len(world.rejections.events) == BUDGET, asked


async def test_rejections_beyond_the_budget_are_counted_for_the_integration_that_they_name() -> None:
    world = a_world()

    async with http_client(world) as client:
        for to in ["nobody"] * BUDGET + ["int-1", "int-1", "int-off", "nobody"]:
            await client.post(to=PATH + to, secret="guessed")
    world.served.publish_summaries(final=True)

    counts = {
        (event.integration_id, event.reason): event.count for event in world.rejections.of(WebhookRejected)[BUDGET:]
    }
    assert counts == {
        ("int-1", "wrong_secret"): 2,
        ("int-off", "integration_disabled"): 1,
        (None, "unknown_integration"): 1,
    }


async def test_while_the_store_is_away_known_and_unknown_ids_get_the_same_answer() -> None:
    world = a_world()
    world.directory.caches = world.directory.down = True

    async with http_client(world) as client:
        known = await client.post(to=PATH + "int-1", secret="guessed")
        unknown = await client.post(to=PATH + "nobody", secret="guessed")

    assert (known.status, known.body) == (unknown.status, unknown.body) == (503, known.body)


async def test_a_cached_integration_costs_its_callers_no_read() -> None:
    world = a_world()
    world.directory.caches = True

    async with http_client(world) as client:
        answer = await client.post()

    assert (answer.status, world.directory.reads) == (200, 0)


EVOLUTION = "/integrations/evolution/webhook/"


def a_world_with_numbers() -> World:
    world = World()
    evolution = number("1055").model_copy(update={"id": "num-1", "provider": "evolution"})
    secret = (SecretHash(sha256="11" * 32),)
    world.directory.numbers |= {
        "num-1": evolution.model_copy(update={"webhook_secrets": secret}),
        "num-cloud": number("1056").model_copy(update={"id": "num-cloud"}),
    }
    return world


NUMBERS = {"an unknown number": "nobody", "a known number": "num-1", "a number of another provider": "num-cloud"}


@pytest.mark.parametrize("prepare", STATES.values(), ids=STATES.keys())
async def test_a_post_to_a_numbers_address_costs_the_same_for_unknown_numbers(
    prepare: Callable[[World], None], capsys: pytest.CaptureFixture[str]
) -> None:
    costs: dict[str, tuple[Work, int]] = {}

    for name, id_ in NUMBERS.items():
        world = a_world_with_numbers()
        prepare(world)
        async with http_client(world) as client:
            with counted(world) as work:
                answer = await client.post(to=EVOLUTION + id_, secret=None, headers=[JSON, ("X-GW-Secret", "guessed")])
        assert answer.status == 401, name
        costs[name] = work, len(capsys.readouterr().out.splitlines())

    assert costs["an unknown number"][0].reads == 1
    assert len({str(cost) for cost in costs.values()}) == 1, costs
