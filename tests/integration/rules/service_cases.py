"""What raises each alert about services, store and broker."""

from tests.integration.rules.series import UP, Case, Series, counter, slow

_LAG = slow("gateway_event_loop_lag_seconds", 'service="policy"', limit="0.5", above="1.0")
_STORE = slow("gateway_store_operation_duration_seconds", 'service="audit",operation="write"', limit="1.0", above="2.5")


SERVICES = (
    Case(
        alert="GatewayServiceDown",
        summary="No process of policy answers its scrape",
        labels={"service": "policy"},
        series=(Series('up{job="gateway",service="policy"}', sick="0", well="1"),),
        beside={name: values for name, values in UP.items() if "policy" not in name},
        absence=True,
    ),
    Case(
        alert="GatewayInstanceDown",
        summary="{instance}, one of the processes of policy, does not answer its scrape",
        labels={"job": "gateway", "service": "policy", "instance": "{instance}"},
        series=(Series('up{job="gateway",service="policy"}', sick="0", well="1"),),
    ),
    Case(
        alert="GatewayNotReady",
        summary="audit is not ready",
        labels={"service": "audit", "instance": "{instance}"},
        series=(Series('gateway_ready{service="audit"}', sick="0", well="1"),),
    ),
    Case(
        alert="GatewayDependencyDown",
        summary="A service cannot reach its broker",
        labels={"dependency": "broker"},
        series=(Series('gateway_dependency_up{service="audit",dependency="broker"}', sick="0", well="1"),),
    ),
    Case(
        alert="GatewayClockWrong",
        summary="The clock of sender differs from Prometheus' clock by 1h 0m 0s",
        labels={"service": "sender", "instance": "{instance}"},
        series=(Series('gateway_clock_timestamp_seconds{service="sender"}', sick="{t}-3600+15", well="{t}+15"),),
    ),
    Case(
        alert="GatewayEventLoopSlow",
        summary="The event loop of policy is held for more than 0.5 s at a time",
        labels={"service": "policy"},
        series=_LAG,
    ),
    Case(
        alert="GatewayJobStopped",
        summary='The job "purge" of audit has not succeeded for three of its intervals',
        labels={"service": "audit", "name": "purge"},
        series=(Series('gateway_job_succeeded_timestamp_seconds{service="audit",name="purge"}', well="{t}+15"),),
        beside=UP | {'gateway_job_interval_seconds{service="audit",name="purge",instance="x"}': "60"},
    ),
    Case(
        alert="GatewayJobFails",
        summary='The job "purge" of audit fails',
        labels={"service": "audit", "name": "purge"},
        series=(counter('gateway_job_failures_total{service="audit",name="purge"}'),),
    ),
    Case(
        alert="GatewayLogLinesLost",
        summary="audit could not write log lines",
        labels={"service": "audit"},
        series=(counter('gateway_log_lines_lost_total{service="audit"}'),),
    ),
    Case(
        alert="GatewaySpansDropped",
        summary="ingress could not export traces",
        labels={"service": "ingress"},
        series=(counter('gateway_spans_dropped_total{service="ingress"}'),),
    ),
    Case(
        alert="GatewayStoreNotWritable",
        summary="audit cannot write to the store",
        labels={"service": "audit"},
        series=(Series('gateway_store_writable{service="audit"}', sick="0", well="1"),),
    ),
    Case(
        alert="GatewayStoreErrors",
        summary="Calls of audit to the store failed (disk_full)",
        labels={"service": "audit", "reason": "disk_full"},
        series=(counter('gateway_store_errors_total{service="audit",reason="disk_full"}'),),
    ),
    Case(
        alert="GatewayStoreSlow",
        summary="One of a hundred calls of audit to the store (write) takes more than 1 s",
        labels={"service": "audit", "operation": "write"},
        series=_STORE,
    ),
    Case(
        alert="GatewayStoreIndexesMissing",
        summary="The store lacks 3 indexes: run gateway migrate",
        series=(Series('gateway_store_indexes_missing{service="audit"}', sick="3", well="0"),),
    ),
    Case(
        alert="GatewayBrokerDown",
        summary="No node of RabbitMQ answers its scrape",
        series=(Series('up{job="rabbitmq"}', sick="0", well="1"),),
        labels={},
        beside={name: values for name, values in UP.items() if "rabbitmq" not in name},
        absence=True,
    ),
    Case(
        alert="GatewayBrokerBlocked",
        summary="RabbitMQ blocks publishing",
        series=(Series("rabbitmq_alarms_memory_used_watermark"),),
    ),
    Case(
        alert="GatewayPublishFailures",
        summary="The broker did not confirm publishes of policy (timeout)",
        labels={"service": "policy", "reason": "timeout"},
        series=(counter('gateway_publish_failures_total{service="policy",reason="timeout"}'),),
    ),
    Case(
        alert="GatewayTopologyMissing",
        summary="policy does not find 2 of its exchanges and queues: run gateway declare",
        labels={"service": "policy"},
        series=(Series('gateway_topology_missing{service="policy"}', sick="2"),),
    ),
    Case(
        alert="GatewayDeadLetterPolicyMissing",
        summary="The dead-letter queues have no policy: RabbitMQ 4 drops a dead letter after 20 deliveries",
        series=(Series('gateway_dead_letter_policy_missing{service="policy"}'),),
    ),
)
