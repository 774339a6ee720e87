"""The URLs of the broker and of the store are checked before anything connects, and never repeated."""

import pytest

from libs.contracts.connection_urls import amqp_node_urls, require_amqp_url, require_store_url

SECRET = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        "amqp://user:hunter2@broker:5672/",
        "amqps://broker/vhost?cafile=/etc/ssl/ca.pem&heartbeat=10",
        "amqp://[::1]:5672/%2F",
        "amqp://broker",
        "amqp://user:hunter2@one:5672,two:5673,three/vhost?heartbeat=5",
        "amqps://user:hunter2@[::1]:5671,[::2]:5671/",
    ],
)
def test_a_broker_url_is_accepted(url: str) -> None:
    assert require_amqp_url(url) == url


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "must begin with amqp"),
        ("broker:5672", "must begin with amqp"),
        ("http://user:hunter2@broker/", "must begin with amqp"),
        ("amqp://", "names no host"),
        ("amqp:///vhost", "names no host"),
        ("amqp://user:hunter2@:5672/", "names no host"),
        ("amqp://user:hunter2@broker:0/", "port must be a number from 1 to 65535"),
        ("amqp://user:hunter2@broker:65536/", "port must be a number from 1 to 65535"),
        ("amqp://user:hunter2@broker:amqp/", "port must be a number from 1 to 65535"),
        ("amqp://user:hunter2@broker:/", "port must be a number from 1 to 65535"),
        ("amqp://user:hunter2@one:5672,two:65536/", "port must be a number from 1 to 65535"),
        ("amqp://user:hunter2@one:5672,/", "names no host"),
        ("amqp://user:hunter2@,two:5672/", "names no host"),
        ("amqp://user:hun[ter2@broker/", "escaped as %XX"),
        ("amqp://user:hunter2@broker/a/b", "%2F"),
        ("amqp://user:hunter2@broker/?timeout=soon", "timeout must be a number"),
    ],
)
def test_a_broker_url_is_refused_with_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refusal:
        require_amqp_url(url)

    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("amqp://user:p@broker:5672/", ("amqp://user:p@broker:5672/",)),
        (
            "amqps://user:p@one:5671,[::1]/v%2Fhost?cafile=/a,b",
            ("amqps://user:p@one:5671/v%2Fhost?cafile=/a,b", "amqps://user:p@[::1]/v%2Fhost?cafile=/a,b"),
        ),
        ("amqp://one,two", ("amqp://one", "amqp://two")),
    ],
)
def test_each_node_has_the_user_the_vhost_and_the_options_of_the_url(url: str, nodes: tuple[str, ...]) -> None:
    assert amqp_node_urls(url) == nodes


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///var/gateway.db",
        "sqlite:////data/gateway.db",
        "mongodb://user:hunter2@a:27017,b:27018/gateway?replicaSet=rs0",
        "mongodb://[::1]:27017/",
        "mongodb+srv://cluster.example/gateway",
    ],
)
def test_a_store_url_is_accepted(url: str) -> None:
    assert require_store_url(url) == url


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "must be sqlite:///path or mongodb://host/database"),
        ("postgres://user:hunter2@db/gateway", "must be sqlite:///path or mongodb://host/database"),
        ("sqlite://gateway.db", "must be sqlite:///path"),
        ("sqlite:///folder/", "naming a file"),
        ("sqlite:///gateway.db?key=hunter2", "without options"),
        ("sqlite:///" + "x" * 300, "names no usable file"),
        ("sqlite:///a%00b", "names no usable file"),
        ("mongodb://", "names no host"),
        ("mongodb://a,,b/", "names no host"),
        ("mongodb://user:hunter2@:27017/", "names no host"),
        ("mongodb://user:hunter2@a:99999/", "port must be a number from 1 to 65535"),
        ("mongodb://a/gate.way", "no usable MongoDB database"),
    ],
)
def test_a_store_url_is_refused_with_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refusal:
        require_store_url(url)

    assert SECRET not in str(refusal.value)
