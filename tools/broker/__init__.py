"""A RabbitMQ node of our own, for one machine: it shares no port, file, or process with any other broker."""

from tools.broker.install import BrokerMissing, ensure_installed
from tools.broker.node import BrokerFailed, BrokerNode

__all__ = ["BrokerFailed", "BrokerMissing", "BrokerNode", "ensure_installed"]
