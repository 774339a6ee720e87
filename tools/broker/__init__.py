"""A private RabbitMQ node for one machine: it shares no port, file or process with another broker."""

from tools.broker.installation import BrokerMissing, ensure_installed
from tools.broker.node import BrokerNode
from tools.broker.programs import BrokerFailed

__all__ = ["BrokerFailed", "BrokerMissing", "BrokerNode", "ensure_installed"]
