"""What raises each alert about queues."""

from tests.integration.rules.series import UP, Case, Series, counter

_PREFETCH = {'gateway_prefetch{service="policy",queue="policy.webhooks",instance="x"}': "16"}

QUEUES = (
    Case(
        alert="GatewayQueuesNotScraped",
        summary="RabbitMQ's metrics name no queue: the alerts about queues cannot fire",
        labels={"queue": "audit.records"},
        series=(Series('rabbitmq_queue_messages_ready{queue="audit.records"}', sick="_"),),
        absence=True,
    ),
    Case(
        alert="GatewayQueueUnattended",
        summary="2 queues of policy have no consumer",
        labels={"service": "policy"},
        series=(
            Series('rabbitmq_queue_consumers{queue="policy.webhooks"}', sick="0", well="1"),
            Series('rabbitmq_queue_consumers{queue="policy.inbound"}', sick="0", well="1"),
        ),
    ),
    Case(
        alert="GatewayQueueStalled",
        summary="policy.webhooks has messages and none is settled",
        labels={"queue": "policy.webhooks"},
        series=(Series('rabbitmq_queue_messages{queue="policy.webhooks"}', sick="3"),),
    ),
    Case(
        alert="GatewayQueueDeep",
        summary="501 messages wait in sender.messages",
        labels={"queue": "sender.messages"},
        series=(Series('rabbitmq_queue_messages_ready{queue="sender.messages"}', sick="501", well="500"),),
    ),
    Case(
        alert="GatewayQueueBacklog",
        summary="2001 messages wait in sender.forwards",
        labels={"queue": "sender.forwards"},
        series=(Series('rabbitmq_queue_messages_ready{queue="sender.forwards"}', sick="2001", well="2000"),),
    ),
    Case(
        alert="GatewayRecordBehind",
        summary="The record is 50001 events behind; at two million, callers receive 503",
        series=(Series('rabbitmq_queue_messages{queue="audit.records"}', sick="50001", well="50000"),),
    ),
    Case(
        alert="GatewayEventsOld",
        summary="An event in audit.records is 31s old and not handled",
        labels={"queue": "audit.records"},
        series=(Series('gateway_oldest_event_seconds{queue="audit.records"}', sick="31", well="30"),),
    ),
    Case(
        alert="GatewayDeliveriesOld",
        summary="A delivery from sender.forwards has been handled for 2m 1s",
        labels={"service": "sender", "queue": "sender.forwards"},
        series=(Series('gateway_oldest_delivery_seconds{service="sender",queue="sender.forwards"}', sick="121"),),
    ),
    Case(
        alert="GatewayPrefetchSaturated",
        summary="policy has had as many deliveries of policy.webhooks as it may for 5 minutes",
        labels={"service": "policy", "queue": "policy.webhooks"},
        series=(
            Series('gateway_deliveries_in_flight{service="policy",queue="policy.webhooks"}', sick="16", well="15"),
        ),
        beside=UP | _PREFETCH,
    ),
    Case(
        alert="GatewayConsumerStuck",
        summary="A consumer of policy.webhooks has deliveries and settles none",
        labels={"service": "policy", "queue": "policy.webhooks"},
        series=(Series('gateway_consumer_stuck{service="policy",queue="policy.webhooks"}'),),
    ),
    Case(
        alert="GatewayConsumerRestarted",
        summary="A consumer of policy.webhooks was stuck and was made anew",
        labels={"service": "policy", "queue": "policy.webhooks"},
        series=(counter('gateway_consumer_restarts_total{service="policy",queue="policy.webhooks"}'),),
    ),
    Case(
        alert="GatewayDeadLetters",
        summary="policy.inbound has dead letters",
        labels={"queue": "policy.inbound"},
        series=(counter('gateway_deliveries_total{queue="policy.inbound",settlement="dead_letter"}'),),
    ),
    Case(
        alert="GatewayUnauthenticatedEvents",
        summary="audit refused events in audit.records that no service proves to have published (missing)",
        labels={"service": "audit", "queue": "audit.records", "cause": "missing"},
        series=(
            counter('gateway_unauthenticated_events_total{service="audit",queue="audit.records",cause="missing"}'),
        ),
    ),
    Case(
        alert="GatewayBackdatedEvents",
        summary="audit received events that say they are over an hour older than those before them",
        labels={"service": "audit"},
        series=(counter('gateway_backdated_events_total{service="audit"}'),),
    ),
    Case(
        alert="GatewayUnreadablePosts",
        summary="Posts to the whatsapp webhook could not be read and are kept as dead letters",
        labels={"endpoint": "whatsapp"},
        series=(counter('gateway_whatsapp_posts_set_aside_total{endpoint="whatsapp"}'),),
    ),
)
