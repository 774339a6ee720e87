"""One webhook is one trace over every service, by the semantic conventions, with nothing personal in it.

A gateway of its own exports to a collector in the test's process. It also verifies its record every few seconds.
"""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from libs.chassis.span_attributes import ALLOWED
from libs.chassis.version import VERSION
from tests.e2e.driver import MARK, Gateway, outbound
from tests.e2e.pbx import running_pbx
from tests.e2e.waiting import eventually
from tests.otlp import Collector, KeptSpan, running_collector
from tools.broker import BrokerNode
from tools.simulator.faults import Fault, FaultStep, Match
from tools.stack import Stack, StackPlan
from tools.stack.ports import free_port
from tools.stack.stored_data import stored_data

pytestmark = pytest.mark.asyncio(loop_scope="session")
WEBHOOK = "POST /integrations/3cx/webhook/{integration_id}"
CALL = "POST /{version}/{phone_number_id}/messages"
OUTSIDE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MESSAGING = frozenset(
    {
        "gateway.event_id",
        "gateway.event_type",
        "messaging.destination.name",
        "messaging.message.id",
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.rabbitmq.destination.routing_key",
        "messaging.system",
    }
)
DELIVERY = MESSAGING | {"gateway.attempt", "gateway.settlement"}
GOLDEN = [
    ("ingress", "SERVER", WEBHOOK, {"http.request.method", "http.route", "http.response.status_code"}
     | {"gateway.code", "gateway.event_id"}),
    ("ingress", "PRODUCER", "publish gateway.events", MESSAGING),
    ("policy", "CONSUMER", "process policy.webhooks", DELIVERY),
    ("policy", "PRODUCER", "publish gateway.events", MESSAGING),
    ("sender", "CONSUMER", "process sender.messages", DELIVERY | {"gateway.code"}),
    ("sender", "CLIENT", CALL, {"http.request.method", "http.response.status_code", "url.template"}
     | {"gateway.verdict", "server.address", "server.port"}),
    ("sender", "PRODUCER", "publish gateway.events", MESSAGING | {"gateway.code"}),
    ("ingress", "CONSUMER", "process replies", (DELIVERY | {"gateway.code"}) - {"gateway.settlement"}),
]  # fmt: skip
"""Service, kind, name and attributes of the spans of one sent message, along its path."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A gateway and the collector of its spans."""

    gateway: Gateway
    collector: Collector
    folder: Path

    async def server_span(self, event_id: str, *, name: str = WEBHOOK) -> KeptSpan:
        """The span of the request that an event came with."""

        async def there() -> list[KeptSpan]:
            return self.collector.of_event(event_id, name)

        [found] = await eventually(there, seconds=30)
        return found

    async def spans(self, event_id: str, *names: str) -> list[KeptSpan]:
        """The spans of an event's trace, once there is one of each name, and the parent of each."""
        trace_id = (await self.server_span(event_id)).trace_id

        async def there() -> bool:
            found = self.collector.trace(trace_id)
            parents = {span.parent_id for span in found if span.parent_id}
            return set(names) <= {span.name for span in found} and parents <= {span.id for span in found}

        await eventually(there, seconds=30)
        return self.collector.trace(trace_id)

    async def matching(self, count: int, matches: Callable[[KeptSpan], bool]) -> list[KeptSpan]:
        """The spans that match, once there are so many: each service exports its own at its own time."""

        async def there() -> list[KeptSpan]:
            found = [span for span in self.collector.spans if matches(span)]
            return found if len(found) >= count else []

        return await eventually(there, seconds=30)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    folder, port = tmp_path_factory.mktemp("traces"), free_port()
    environ = {
        "GATEWAY_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "GATEWAY_ENVIRONMENT": "test",
        "GATEWAY_PROVIDER_TIMEOUT": "2",
        "GATEWAY_VERIFY_NEW_SECONDS": "2",
        "GATEWAY_VERIFY_WHOLE_SECONDS": "2",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    async with running_collector(port) as collector, await BrokerNode.start(folder / "broker") as node:
        plan = StackPlan(data_dir=folder, environ=environ, amqp_url=node.url, amqp_urls=await node.add_users())
        async with Stack(plan) as stack, Gateway.of(stack, node, node.url) as gateway:
            await gateway.whatsapp.configure(statuses={"enabled": False})
            yield Watched(gateway, collector, folder)


def by_name(spans: list[KeptSpan], name: str) -> KeptSpan:
    return next(span for span in spans if span.name == name)


async def test_a_sent_message_is_one_connected_trace_from_the_webhook_to_its_answer(watched: Watched) -> None:
    gateway = watched.gateway
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)

    answer = await gateway.post(integration, outbound(customer), traceparent=OUTSIDE)
    spans = await watched.spans(answer.event_id, "process replies", CALL)

    assert answer.result == "sent"
    ids = {span.id: span for span in spans}
    (root,) = [span for span in spans if not span.parent_id]
    assert root.name == WEBHOOK
    assert [trace for trace, _ in root.links] == [OUTSIDE.split("-")[1]]
    path, at = [], by_name(spans, "process replies")
    while at is not root:
        path.append(at)
        at = ids[at.parent_id]
    call = by_name(spans, CALL)
    assert ids[call.parent_id].name == "process sender.messages"
    along = [root, *reversed(path)]
    along.insert(along.index(ids[call.parent_id]) + 1, call)
    assert [(span.service, span.kind, span.name, set(span.attributes)) for span in along] == [
        (service, kind, name, set(attributes)) for service, kind, name, attributes in GOLDEN
    ]
    assert not any(span.failed for span in spans)
    assert call.attributes["gateway.verdict"] == "accepted"
    assert root.attributes["http.response.status_code"] == 200
    for span in spans:
        assert span.attributes.get("gateway.event_id", answer.event_id) == answer.event_id


async def test_the_record_links_to_the_trace_of_each_message(watched: Watched) -> None:
    gateway = watched.gateway
    integration = await gateway.create_integration()
    answer = await gateway.post(integration, {"event_type": "test"})
    trace_id = (await watched.server_span(answer.event_id)).trace_id

    async def linked() -> list[KeptSpan]:
        recorded = [span for span in watched.collector.spans if span.name == "process audit.records"]
        return [span for span in recorded if trace_id in {trace for trace, _ in span.links}]

    batches = await eventually(linked, seconds=30)

    assert {batch.kind for batch in batches} == {"CONSUMER"}
    about = [attributes for batch in batches for trace, attributes in batch.links if trace == trace_id]
    assert {attributes["gateway.event_id"] for attributes in about} == {answer.event_id}
    assert all(int(batch.attributes["messaging.batch.message_count"]) >= len(batch.links) for batch in batches)


async def test_a_refusal_is_no_error_and_a_failure_is_one_in_every_span_that_it_passes(watched: Watched) -> None:
    gateway = watched.gateway
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    refused = await gateway.reply(integration, gateway.a_customer())  # never wrote: no open window
    here = Match(phone_number_id=integration.number, times=1)
    await gateway.whatsapp.script(FaultStep(match=here, fault=Fault(kind="drop_before")))
    failed = await gateway.final_answer(integration, await gateway.reply(integration, customer))

    of_refused = await watched.spans(refused.event_id, "process policy.webhooks", "process replies")
    of_failed = await watched.spans(failed.event_id, CALL, "process sender.messages", "process replies")

    assert refused.status == 409
    assert not any(span.failed for span in of_refused)
    assert by_name(of_refused, WEBHOOK).attributes["gateway.code"] == refused.result
    assert failed.status == 502
    assert {span.name for span in of_failed if span.failed} == {WEBHOOK, "process sender.messages", CALL}
    assert by_name(of_failed, WEBHOOK).attributes["error.type"] == "gateway_send_failed"
    assert by_name(of_failed, CALL).attributes["gateway.verdict"] == "unknown"


async def test_a_dead_letter_is_an_error_and_its_replay_links_to_it(watched: Watched) -> None:
    gateway = watched.gateway
    async with running_pbx() as pbx:
        integration = await gateway.create_integration(forward_url=pbx.url)
        pbx.status = 410
        await gateway.a_customer_who_wrote(integration)

        async def letters() -> list[dict[str, Any]]:
            page = await gateway.done("GET", "/dead-letters", account_id=integration.account_id, status="waiting")
            return list(page["items"])

        [letter] = await eventually(letters)
        pbx.status = 200
        await gateway.done("POST", f"/dead-letters/{letter['id']}/replay")

        async def processed() -> list[KeptSpan]:
            found = [span for span in watched.collector.spans if span.name == "process sender.forwards"]
            mine = [span for span in found if span.attributes["messaging.message.id"] == letter["message_id"]]
            return mine if len(mine) == 2 else []

        dead, replayed = sorted(await eventually(processed, seconds=30), key=lambda span: not span.failed)

    (replay,) = await watched.matching(1, lambda span: span.name == "publish gateway.replay")
    posts = await watched.matching(2, lambda span: span.kind == "CLIENT" and span.parent_id in {dead.id, replayed.id})
    assert (dead.failed, dead.attributes["gateway.settlement"], dead.attributes["error.type"]) == (
        True, "dead_letter", "GiveUp",
    )  # fmt: skip
    assert (replayed.failed, replayed.attributes["gateway.settlement"]) == (False, "ack")
    assert (replay.service, replay.id) == ("console", replayed.parent_id)
    assert [trace for trace, _ in replay.links] == [dead.trace_id]
    assert sorted(int(post.attributes["http.response.status_code"]) for post in posts) == [200, 410]


async def test_what_whatsapp_sends_begins_a_trace_too(watched: Watched) -> None:
    integration = await watched.gateway.create_integration()
    await watched.gateway.a_customer_who_wrote(integration)

    async def processed() -> list[KeptSpan]:
        return [span for span in watched.collector.spans if span.name == "process policy.inbound"]

    handled = (await eventually(processed, seconds=30))[-1]

    [request] = await watched.matching(
        1,
        lambda span: (span.trace_id, span.name) == (handled.trace_id, "POST /integrations/whatsapp/webhook"),
    )
    assert request.kind == "SERVER"


async def test_spans_have_only_attributes_of_the_list_and_nothing_personal(watched: Watched) -> None:
    gateway = watched.gateway
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    answer = await gateway.reply(integration, customer)
    await watched.spans(answer.event_id, "process replies")

    used = {name for span in watched.collector.spans for name in span.attributes}
    exported = bytes(watched.collector.raw)

    assert used <= set(ALLOWED)
    assert customer.removeprefix("+").encode() not in exported
    assert MARK.encode() not in exported
    assert integration.number.encode() not in exported
    assert integration.secret.encode() not in exported
    assert gateway.stack.admin_token.encode() not in exported
    services = ("ingress", "policy", "sender", "audit", "console")

    async def all_exported() -> bool:
        return {f"gateway-{service}" for service in services} <= set(watched.collector.resources)

    await eventually(all_exported, seconds=30)
    for service in services:
        resource = watched.collector.resources[f"gateway-{service}"]
        assert resource["service.version"] == VERSION
        assert resource["service.namespace"] == "whatsapp-gateway"
        assert resource["deployment.environment.name"] == "test"
        assert str(resource["service.instance.id"]).startswith(service)


async def test_a_sealed_record_that_is_changed_shows_in_the_metrics_until_it_is_mended(watched: Watched) -> None:
    gateway = watched.gateway
    integration = await gateway.create_integration()
    answer = await gateway.post(integration, {"event_type": "test"})
    [record] = await gateway.wait_for_records(1, event_id=answer.event_id, type="webhook.answered")
    sound = "gateway_record_sound"

    async def verified() -> bool:
        return await gateway.metric("console", "gateway_record_verified_timestamp_seconds", scope="whole") > 0

    await eventually(verified, seconds=60)
    before = [await gateway.metric("console", sound, scope=scope) for scope in ("incremental", "whole")]
    await asyncio.to_thread(edit, gateway.stack.settings["GATEWAY_STORE_URL"], "altered", record["id"])

    async def unsound() -> bool:
        return await gateway.metric("console", sound, scope="whole") == 0

    await eventually(unsound, seconds=60)
    await asyncio.to_thread(edit, gateway.stack.settings["GATEWAY_STORE_URL"], record["code"], record["id"])

    async def mended() -> bool:
        return await gateway.metric("console", sound, scope="whole") == 1

    await eventually(mended, seconds=60)
    assert before == [1, 1]


def edit(store_url: str, code: str, record_id: str) -> None:
    stored_data(store_url).set_code(record_id, code)


async def test_a_signal_changes_the_log_level_of_a_running_service(watched: Watched) -> None:
    [policy] = watched.gateway.stack.services["policy"]

    def levels() -> list[str]:
        lines = [orjson.loads(line) for line in policy.log.read_bytes().splitlines()]
        return [line["log_level"] for line in lines if line.get("event") == "log level changed"]

    async def changed(count: int) -> bool:
        return len(levels()) == count

    os.kill(policy.pid, signal.SIGUSR1)
    await eventually(partial(changed, 1))
    os.kill(policy.pid, signal.SIGUSR2)
    await eventually(partial(changed, 2))

    assert levels() == ["debug", "info"]
    assert await watched.gateway.metric("policy", "gateway_ready") == 1


async def test_a_scrape_in_openmetrics_has_the_traces_of_slow_requests_as_exemplars(watched: Watched) -> None:
    gateway = watched.gateway
    integration = await gateway.create_integration()
    answer = await gateway.post(integration, {"event_type": "test"})
    await watched.server_span(answer.event_id)
    [ingress] = gateway.stack.services["ingress"]
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    async with gateway.http.get(ingress.ready_url.replace("/readyz", "/metrics"), headers=accept) as scraped:
        page = await scraped.text()

    found = re.findall(
        r'^gateway_webhook_duration_seconds_bucket\{.*\} \S+ # \{trace_id="([0-9a-f]{32})"\}', page, re.MULTILINE
    )

    async def exported() -> bool:
        return set(found) <= {span.trace_id for span in watched.collector.spans if span.name == WEBHOOK}

    assert found
    await eventually(exported, seconds=30)
