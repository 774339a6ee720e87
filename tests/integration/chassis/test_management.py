"""The declare step sets the policy through RabbitMQ's management API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.chassis.amqp.declare_step import DeclareFailed, declare_everything
from libs.chassis.topology import (
    DEAD_LETTER_POLICY,
)
from tests.conftest import run_apart
from tests.integration.chassis.declaring import LIKE_RABBITMQ_4
from tests.integration.chassis.world import (
    SHORT,
)
from tools.broker import BrokerNode
from tools.broker.installation import ensure_installed
from tools.broker.layout import Layout, is_free
from tools.broker.rights import DECLARER


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BrokerNode, str]]:
    """A node with the management plugin, and the address of its API."""
    folder = tmp_path_factory.mktemp("managed")
    node = run_apart(with_management(folder))
    yield node
    run_apart(node[0].stop())


async def with_management(folder: Path) -> tuple[BrokerNode, str]:
    layout = Layout.prepare(folder, None)
    node = BrokerNode(layout, programs=ensure_installed())
    port = next(port for port in range(node.port + 1, node.port + 1000) if is_free(port))
    (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
    with (folder / "rabbitmq.conf").open("a") as config:
        config.write(f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n")
    await node.launch()
    return node, f"http://127.0.0.1:{port}"


async def test_the_policy_is_set_through_the_management_api(managed: tuple[BrokerNode, str]) -> None:
    node, management_url = managed
    urls = await node.add_users("an office")
    await node.rabbitmqctl("clear_policy", "-p", "an office", str(DEAD_LETTER_POLICY["name"]))
    await node.rabbitmqctl(LIKE_RABBITMQ_4[0], "-p", "an office", *LIKE_RABBITMQ_4[1:])
    assert not (await declare_everything(urls[DECLARER], delays=SHORT)).dead_letters_survive

    declared = await declare_everything(urls[DECLARER], management_url=management_url, delays=SHORT)

    assert declared.dead_letters_survive
    assert '{"delivery-limit":1000000}' in await node.rabbitmqctl("list_policies", "-p", "an office")


async def test_a_user_who_may_not_set_policies_is_refused_with_a_sentence(managed: tuple[BrokerNode, str]) -> None:
    node, management_url = managed
    urls = await node.add_users()

    with pytest.raises(DeclareFailed, match=r"refused the policy \(HTTP 401\)\.$") as failed:
        await declare_everything(urls["policy"], management_url=management_url, wait=1)

    assert not failed.value.unreachable
    assert urls["policy"].split(":")[2].split("@")[0] not in str(failed.value)


async def test_the_url_of_the_api_may_name_another_user(managed: tuple[BrokerNode, str]) -> None:
    node, management_url = managed
    urls = await node.add_users()
    user, password = urls[DECLARER].removeprefix("amqp://").split("@")[0].split(":")

    declared = await declare_everything(
        node.url, management_url=management_url.replace("://", f"://{user}:{password}@"), delays=SHORT
    )

    assert declared.dead_letters_survive


async def test_an_api_that_cannot_be_reached_is_named(urls: dict[str, str]) -> None:
    with pytest.raises(
        DeclareFailed, match=r"^RabbitMQ's management API at 127\.0\.0\.1:1 cannot be reached"
    ) as failed:
        await declare_everything(urls[DECLARER], management_url="http://127.0.0.1:1", wait=0.2)

    assert failed.value.unreachable
