"""RabbitMQ. The only package that imports aio_pika.

Order of acts for one delivery: handle, publish what was said (confirmed), then acknowledge. A crash between any two
repeats the delivery; handlers are safe to repeat.
"""

from libs.chassis.amqp.broker import Broker

__all__ = ["Broker"]
