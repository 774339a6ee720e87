"""A second node that tests may kill and alarm, a line to the shared one that can be cut, and its limited users."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import VHOSTS_AT_ONCE, run_apart
from tests.proxy import Proxy
from tools.broker import BrokerNode
from tools.broker.account import write_private
from tools.broker.definitions import definitions
from tools.broker.users import passwords_in

USERS_AT_ONCE = VHOSTS_AT_ONCE
"""So many vhosts get their users with one command, which takes a second for one as well."""
AdminAndUsers = tuple[str, dict[str, str]]
"""The URL of a vhost for the node's own user, and for each limited one."""
ADMIN: pytest.StashKey[str] = pytest.StashKey()
"""The first of these of a test that has both."""


@pytest.fixture(scope="session")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerNode]:
    """A node that tests of this folder kill, stop or alarm; each leaves it running and well."""
    node = run_apart(BrokerNode.start(tmp_path_factory.mktemp("fragile")))
    yield node
    run_apart(node.stop())


@pytest.fixture
async def proxy(broker: BrokerNode) -> AsyncIterator[Proxy]:
    """A line to the shared node that can be cut."""
    async with Proxy.to(broker.port) as line:
        yield line


@pytest.fixture(scope="session")
def vhosts_with_users(
    broker: BrokerNode, unused_vhosts: Iterator[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AdminAndUsers]:
    """Empty vhosts without end, each with the limited users."""

    def batches() -> Iterator[AdminAndUsers]:
        while True:
            urls = list(itertools.islice(unused_vhosts, USERS_AT_ONCE))
            yield from run_apart(with_users(broker, urls, tmp_path_factory.mktemp("users")))

    return batches()


async def with_users(broker: BrokerNode, urls: list[str], folder: Path) -> list[AdminAndUsers]:
    """Give the limited users their rights in these vhosts, as `BrokerNode.add_users` does in one."""
    passwords = passwords_in(broker._layout.folder)
    names = [url.rpartition("/")[2] for url in urls]
    parts = [definitions(passwords, name) for name in names]
    merged = {key: list(itertools.chain.from_iterable(part[key] for part in parts)) for key in parts[0]}
    write_private(folder / "definitions.json", json.dumps(merged | {"users": parts[0]["users"]}))
    await broker.rabbitmqctl("import_definitions", str(folder / "definitions.json"))
    return [
        (url, {user: f"amqp://{user}:{word}@{broker.address}/{quote(name)}" for user, word in passwords.items()})
        for url, name in zip(urls, names, strict=True)
    ]


@pytest.fixture
def urls(vhosts_with_users: Iterator[AdminAndUsers], request: pytest.FixtureRequest) -> dict[str, str]:
    """The limited users of an empty vhost, which is the one of `vhost`."""
    url, users = next(vhosts_with_users)
    request.node.stash[ADMIN] = url
    return users


@pytest.fixture
def vhost(request: pytest.FixtureRequest, unused_vhosts: Iterator[str]) -> str:
    """The AMQP URL of a vhost that nothing has used before, for the node's own user."""
    if "urls" in request.fixturenames:
        request.getfixturevalue("urls")
    return request.node.stash.get(ADMIN, None) or next(unused_vhosts)
