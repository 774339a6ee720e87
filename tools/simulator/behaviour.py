"""`Behaviour`: the settings that can change while the simulator runs: status webhooks, retries and limits."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.simulator.status_payloads import Category, StatusName

_STRICT = ConfigDict(frozen=True, extra="forbid")
StatusMode = Literal["late", "doubled", "reversed", "batched", "early"]


class StatusPlan(BaseModel):
    """Which statuses follow an accepted message and how they arrive; modes can be combined.

    `delays` are seconds from the send, one for each of `kinds` (the last one stands for the rest).
    `late` adds `late_seconds`; `doubled` posts each webhook twice; `reversed` lets the last status arrive first;
    `batched` collects what is due for `batch_seconds` into one post; `early` posts the first before the answer.
    """

    model_config = _STRICT

    enabled: bool = True
    kinds: tuple[StatusName, ...] = ("sent", "delivered", "read")
    delays: tuple[float, ...] = Field(default=(0.05, 0.15, 0.4), min_length=1)
    modes: tuple[StatusMode, ...] = ()
    late_seconds: float = Field(default=2.0, ge=0)
    batch_seconds: float = Field(default=0.2, ge=0)


class RetryPlan(BaseModel):
    """Retries of a webhook after any answer but 2xx: `attempts` in all, with waits that double up to `cap` seconds.

    Meta retries for days; the default here ends after about 90 seconds.
    """

    model_config = _STRICT

    attempts: int = Field(default=15, ge=1)
    base: float = Field(default=0.25, gt=0)
    cap: float = Field(default=10.0, gt=0)
    timeout: float = Field(default=10.0, gt=0)


class PairLimit(BaseModel):
    """The pair rate limit: one message per `seconds` after a burst of `burst`, else error 131056."""

    model_config = _STRICT

    enabled: bool = False
    seconds: float = Field(default=6.0, gt=0)
    burst: int = Field(default=10, ge=1)


class MediaPlan(BaseModel):
    """How the files of customers' messages are answered.

    `size`: bytes of every file, tiny without it. `code`: the Graph error that answers for an id. `told_type`,
    `told_sha256`, `told_size`: what Graph says instead of the truth. `url`, `redirect`: where the file is said to be.
    `ended_urls`: how many downloads are answered 404 before one succeeds. `pause`: seconds between two pieces.
    `download`: `cut` ends in the middle, `hang` sends a piece and no more, `endless` never ends, `refused` answers 401.
    """

    model_config = _STRICT

    size: int | None = Field(default=None, ge=0)
    code: int | None = None
    status: int | None = None
    """The HTTP status of a Graph answer without an error of Meta's."""
    silent: bool = False
    """Graph gives no answer about a file."""
    told_type: str | None = None
    told_sha256: str | None = None
    told_size: int | None = None
    url: str | None = None
    redirect: str | None = None
    ended_urls: int = Field(default=0, ge=0)
    pause: float = Field(default=0.0, ge=0)
    download: Literal["whole", "cut", "hang", "endless", "refused"] = "whole"


class Behaviour(BaseModel):
    """All changeable settings. `window`: whether a closed 24 h window fails the send or its status, or neither.

    With several `webhook_urls`, posts go to them in turn, as through a load balancer. `user_ids`: statuses of a message
    to a phone name the user id too; `answered_user_ids`: so does the answer, unlike Meta's. `wa_ids` maps a phone's
    digits to WhatsApp's own spelling of it, which answers and statuses name. `template_category` is the category of
    every template, `template_status` the `message_status` of its answer. `throughput` is the level of every number.
    """

    model_config = _STRICT

    webhook_urls: tuple[str, ...] = ()
    statuses: StatusPlan = StatusPlan()
    retries: RetryPlan = RetryPlan()
    pair: PairLimit = PairLimit()
    window: Literal["off", "answer", "status"] = "off"
    user_ids: bool = True
    answered_user_ids: bool = False
    wa_ids: dict[str, str] = Field(default_factory=dict, repr=False)
    template_category: Category = "utility"
    template_status: Literal["accepted", "held_for_quality_assessment"] = "accepted"
    throughput: Literal["STANDARD", "HIGH", "NOT_APPLICABLE"] = "STANDARD"
    media: MediaPlan = MediaPlan()

    def with_changes(self, changes: dict[str, Any]) -> "Behaviour":
        """A copy with changed fields, nested ones too. Raises ValidationError for unknown fields."""
        return Behaviour.model_validate(_merged(self.model_dump(), changes))


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
