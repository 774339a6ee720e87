"""`Dependencies`: everything outside console that its handlers work with."""

import secrets
from dataclasses import dataclass, field

from libs.chassis.clock import Clock, NewId, new_id, utc_now
from libs.store.sealer import Sealer
from libs.store.store import Store
from services.console.adapters.decrypted_records import DecryptedRecords
from services.console.adapters.null_proofs import no_signature, no_verification
from services.console.domain.secrets import SECRET_BYTES
from services.console.handlers.changes import Changes
from services.console.ports import (
    Authenticator,
    DeadLetterReplayer,
    NewSecret,
    PublishOutbox,
    SignReport,
    SimulateWebhook,
    VerifyRecord,
)


def new_secret() -> str:
    """32 random bytes, safe in a URL."""
    return secrets.token_urlsafe(SECRET_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """The store, the broker, the keys and the clock of one console process; tests replace them one by one."""

    store: Store
    authenticator: Authenticator
    sealer: Sealer
    publish_outbox: PublishOutbox
    replayer: DeadLetterReplayer
    simulate: SimulateWebhook
    verify: VerifyRecord = field(default=no_verification)
    sign: SignReport = field(default=no_signature)
    clock: Clock = field(default=utc_now)
    new_id: NewId = field(default=new_id)
    new_secret: NewSecret = field(default=new_secret, repr=False)

    @property
    def changes(self) -> Changes:
        """Writes rows and events to the store."""
        return Changes(self.store.registry, self.store.outbox, self.clock, self.new_id, self.publish_outbox)

    @property
    def decrypted_records(self) -> DecryptedRecords:
        """The record with personal values decrypted."""
        return DecryptedRecords(self.store.records, self.store.subjects, self.sealer)
