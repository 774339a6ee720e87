"""`Dependencies`: everything outside ingress that its handlers work with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from libs.chassis.clock import Clock, Monotonic, NewId, monotonic, new_id, utc_now
from libs.chassis.replies import Replies
from libs.providers.provider import Provider
from libs.providers.registry import PROVIDERS
from libs.store.accounts import BusinessAccounts
from libs.store.decisions import Decisions
from libs.store.idempotency import Answers, Idempotency
from libs.store.restrictions import StandingRestrictions
from services.ingress.handlers.business_accounts import Learn
from services.ingress.ports import CallerDirectory, DeadLetterPublisher, PostReader, Publisher, RateLimits, Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """The store, the broker, the clock and the limits of one ingress process; tests replace them one by one."""

    directory: CallerDirectory
    business_accounts: BusinessAccounts
    learn_business_account: Learn
    publisher: Publisher
    dead_letters: DeadLetterPublisher
    replies: Replies
    decisions: Decisions
    idempotency: Idempotency
    answers: Answers
    restrictions: StandingRestrictions
    rate_limits: RateLimits
    post_reader: PostReader
    recorder: Recorder
    rejections: Recorder
    """Records rejections, apart from `recorder`: anybody can cause many of them."""
    replica: str
    providers: Mapping[str, Provider] = field(default=PROVIDERS)
    clock: Clock = field(default=utc_now)
    new_id: NewId = field(default=new_id)
    monotonic: Monotonic = field(default=monotonic)
