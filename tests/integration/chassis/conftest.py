"""A second broker node that these tests may kill and alarm, and a proxy in front of the shared one."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.conftest import run_apart
from tests.proxy import Proxy
from tools.broker import BrokerNode


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
