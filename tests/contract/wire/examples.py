"""One example of every event with every field filled in; the golden files hold how each looks on the wire."""

from datetime import UTC, datetime
from uuid import UUID

from libs.contracts.decisions import RuleReceipt
from libs.contracts.events import (
    AccountChanged,
    DeadLetterReplayed,
    Event,
    IntegrationChanged,
    MessageApproved,
    NumberChanged,
    SecretRotated,
    SuppressionAdded,
    SuppressionLifted,
    WebhookAnswered,
    WebhookPayload,
    WebhookReceived,
    WebhookRejected,
    WebhookThrottled,
    WhatsAppMessageReceived,
    WhatsAppStatusReceived,
)

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
ID = UUID("01234567-89ab-4cde-8f01-23456789abcd")
PHONE = "+966500000000"
WHOSE = {"account_id": "acc_1", "integration_id": "int_1"}
RECEIPT = (RuleReceipt(rule="window_is_open", version=1, passed=True, saw={"closes_at": "2026-11-24T12:00:00+00:00"}),)
SUPPRESSION = {
    "account_id": "acc_1",
    "suppression_id": "sup_1",
    "kind": "opt_out",
    "source": "keyword",
    "reason": "asked on the phone",
    "customer": PHONE,
    "customer_key": "0a1b",
    "masked_phone": "+9665•••••000",
    "evidence": {"word": "en.stop.stop"},
    "actor": "admin",
}
OPERATOR = {**WHOSE, "actor": "admin", "changes": {"name": ["old", "new"]}}

EXAMPLES: tuple[Event, ...] = (
    WebhookReceived(
        **WHOSE,
        reply_to="ingress-1",
        dialect="native",
        call_events_only=True,
        payload=WebhookPayload(
            event_type="outbound_message",
            to=PHONE,
            from_="+966500000001",
            customer_phone="+966500000002",
            caller="+966500000003",
            phone="+966500000004",
            text="Hello",
            message_purpose="support",
            conversation_id="c1",
            agent_extension="101",
            queue="800",
            call_time="2026-11-23T12:00:00Z",
            direction="inbound",
            answered=False,
            did="main line",
            language="ar",
        ),
    ),
    WebhookRejected(claimed_integration="int_1", reason="wrong_secret", client_address="192.0.2.1", count=3),
    WebhookThrottled(**WHOSE, count=17),
    MessageApproved(
        **WHOSE,
        event_id=ID,
        event_type="outbound_message",
        reply_to="ingress-1",
        number_id="num_1",
        customer=PHONE,
        customer_user_id="SA.1",
        customer_key="0a1b",
        text="Hello",
        purpose="support",
        conversation_id="c1",
        received_at=NOON,
        window_closes_at=NOON,
        template={"name": "hello"},
        risk_score=55,
        flagged=True,
        receipt=RECEIPT,
    ),
    WebhookAnswered(
        **WHOSE,
        event_id=ID,
        event_type="outbound_message",
        reply_to="ingress-1",
        code="sent",
        message_id="wamid.1",
        reason="cooldown",
        details={"limit": 100},
        purpose="support",
        customer=PHONE,
        receipt=RECEIPT,
    ),
    WhatsAppMessageReceived(
        account_id="acc_1",
        number_id="num_1",
        message_id="wamid.2",
        customer=PHONE,
        customer_user_id="SA.1",
        type="text",
        text="STOP",
        sent_at=NOON,
        profile_name="Someone",
        reply_to_message_id="wamid.1",
    ),
    WhatsAppStatusReceived(
        account_id="acc_1",
        number_id="num_1",
        message_id="wamid.1",
        status="failed",
        at=NOON,
        customer=PHONE,
        callback_data="gw1:x",
        provider_codes=(131047,),
    ),
    SuppressionAdded(**SUPPRESSION),
    SuppressionLifted(**SUPPRESSION),
    AccountChanged(**OPERATOR, created=True),
    NumberChanged(**OPERATOR, number_id="num_1", created=True),
    IntegrationChanged(**OPERATOR, created=True),
    SecretRotated(**OPERATOR, which="webhook", old_valid_until=NOON),
    DeadLetterReplayed(**OPERATOR, dead_letter_id="dl_1", queue="policy.webhooks"),
)
