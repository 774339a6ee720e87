"""Access to RabbitMQ through `Broker`. Only this package imports aio_pika."""

from libs.chassis.amqp.broker import Broker

__all__ = ["Broker"]
