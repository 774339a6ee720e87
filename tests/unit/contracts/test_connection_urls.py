"""The URLs of the broker and of the store are checked before anything connects, and never repeated."""

import pytest

from libs.contracts.connection_urls import require_amqp_url, require_store_url

SECRET = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        "amqp://user:hunter2@broker:5672/",
        "amqps://broker/vhost?cafile=/etc/ssl/ca.pem&heartbeat=10",
        "amqp://[::1]:5672/%2F",
        "amqp://broker",
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
