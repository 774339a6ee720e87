"""Access to RabbitMQ through `Broker`. Only this package imports aio_pika."""

from libs.chassis.amqp.broker import Broker
from libs.chassis.amqp.watchdog import STUCK_SECONDS

__all__ = ["STUCK_SECONDS", "Broker"]
