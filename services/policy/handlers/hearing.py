"""Hear what a customer wrote: an opt-out before anything else, then the window."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.chassis.consuming import Received
from libs.contracts.decisions import Purpose
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import Event, MessageApproved, SuppressionAdded, SuppressionLifted, WhatsAppMessageReceived
from libs.contracts.identity import keyed_hash, masked
from libs.store.accounts import Account, Directory
from libs.store.conversations import Conversations, Suppression, SuppressionKind, Suppressions
from services.policy import metrics
from services.policy.domain.confirming import confirmation_in
from services.policy.domain.keywords import Keywords, OptIn, OptOut, meaning_of

KEYWORD = "keyword"
CONFIRMATION = "opt_out_confirmation"
BY_POLICY = "policy"
"""The `reply_to` of a message that no caller waits for."""

Heard = Received[WhatsAppMessageReceived]


@dataclass(frozen=True, slots=True)
class Hear:
    """Keeps what customers tell us about themselves."""

    directory: Directory
    conversations: Conversations
    suppressions: Suppressions
    keywords: Keywords
    key: bytes = field(repr=False)

    async def __call__(self, received: Heard) -> Sequence[Event]:
        """Take in one message. Safe to repeat: each step keeps the latest by WhatsApp's clock, and ids are derived."""
        message = received.event
        account = await self.directory.account(message.account_id or "")
        if account is None:
            raise GatewayError(ErrorCode.GATEWAY_UNAVAILABLE, {"unavailable": "configuration"})
        keys = customer_keys(message, self.key)
        meaning = meaning_of(
            message.text or "", self.keywords, extra_stop=account.opt_out_words, extra_start=account.opt_in_words
        )
        said: Sequence[Event] = ()
        if isinstance(meaning, OptOut):
            said = await self._suppress(received, account, keys, meaning)
        await self.conversations.customer_wrote(message.number_id, keys, message.sent_at)
        if isinstance(meaning, OptIn):
            said = await self._lift(received, account, keys, meaning)
        return said

    async def _suppress(self, received: Heard, account: Account, keys: Sequence[str], word: OptOut) -> Sequence[Event]:
        message, evidence = received.event, evidence_of(received.event, word)
        stands: list[Suppression] = []
        for position, customer_key in enumerate(keys):
            wanted = Suppression(
                id=f"sup_{received.id.hex}{position or ''}",
                account_id=account.id,
                customer_key=customer_key,
                masked_phone=masked(message.customer) if message.customer else "",
                kind=SuppressionKind.OPT_OUT,
                source=KEYWORD,
                reason=None,
                actor=None,
                since=message.sent_at,
                evidence=evidence,
            )
            stands.append(await self.suppressions.suppress(wanted, ()))
        ours = [row for row in stands if row.active and row.evidence.get("message_id") == message.message_id]
        if not ours:
            return ()  # opted out before, or back in since
        metrics.OPT_OUTS.labels("opt_out").inc()
        added = SuppressionAdded(
            account_id=account.id,
            suppression_id=ours[0].id,
            kind=SuppressionKind.OPT_OUT,
            source=KEYWORD,
            number_id=message.number_id,
            customer=message.customer,
            evidence=evidence,
        )
        return (added, confirmation(received, account, keys[0], word.language))

    async def _lift(self, received: Heard, account: Account, keys: Sequence[str], word: OptIn) -> Sequence[Event]:
        message = received.event
        lifted = [
            await self.suppressions.lift(
                account_id=account.id,
                customer_key=customer_key,
                kind=SuppressionKind.OPT_OUT,
                at=message.sent_at,
                events=(),
            )
            for customer_key in keys
        ]
        rows = [row for row in lifted if row is not None]
        if not rows:
            return ()
        metrics.OPT_OUTS.labels("opt_in").inc()
        return (
            SuppressionLifted(
                account_id=account.id,
                suppression_id=rows[0].id,
                kind=SuppressionKind.OPT_OUT,
                source=KEYWORD,
                customer=message.customer,
                evidence=evidence_of(message, word),
            ),
        )


def customer_keys(message: WhatsAppMessageReceived, key: bytes) -> list[str]:
    """The hashes that the customer is known by: the phone's first, the user id's next."""
    known = (message.customer, message.customer_user_id)
    return [keyed_hash(key, message.account_id or "", value) for value in known if value]


def evidence_of(message: WhatsAppMessageReceived, word: OptOut | OptIn) -> dict[str, str]:
    """What proves the customer's wish: message id, time, word and language; never the text."""
    return {
        "message_id": message.message_id,
        "at": message.sent_at.isoformat(),
        "word": word.word_id,
        "language": word.language,
    }


def confirmation(received: Heard, account: Account, customer_key: str, language: str) -> MessageApproved:
    """The one message that tells the customer that the opt-out was heard."""
    message = received.event
    return MessageApproved(
        account_id=account.id,
        event_id=received.id,
        event_type=CONFIRMATION,
        reply_to=BY_POLICY,
        number_id=message.number_id,
        customer=message.customer,
        customer_user_id=message.customer_user_id,
        customer_key=customer_key,
        text=confirmation_in(language),
        purpose=Purpose.OPERATIONAL,
        received_at=message.sent_at,
    )
