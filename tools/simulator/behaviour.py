"""What the simulator may be told while it runs: status webhooks, retries, limits; values only."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.simulator.payloads import StatusName

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
    """How a webhook is posted again after anything but a 2xx: `attempts` in all, waits doubling up to `cap` seconds.

    Meta goes on for days; the default here ends after about a minute and a half.
    """

    model_config = _STRICT

    attempts: int = Field(default=15, ge=1)
    base: float = Field(default=0.25, gt=0)
    cap: float = Field(default=10.0, gt=0)
    timeout: float = Field(default=10.0, gt=0)


class PairLimit(BaseModel):
    """Messages from one number to one customer: one in `seconds` after a burst of `burst`, else 131056."""

    model_config = _STRICT

    enabled: bool = False
    seconds: float = Field(default=6.0, gt=0)
    burst: int = Field(default=10, ge=1)


class Behaviour(BaseModel):
    """All of it. `window` says how a closed 24 h window shows: not at all, in the answer, or in a failed status.

    With several `webhook_urls` each post goes to the next one, as through a load balancer.
    """

    model_config = _STRICT

    webhook_urls: tuple[str, ...] = ()
    statuses: StatusPlan = StatusPlan()
    retries: RetryPlan = RetryPlan()
    pair: PairLimit = PairLimit()
    window: Literal["off", "answer", "status"] = "off"
    user_ids: bool = True

    def changed_by(self, changes: dict[str, Any]) -> "Behaviour":
        """The behaviour with some fields changed, nested ones too; ValidationError for what does not exist."""
        return Behaviour.model_validate(_merged(self.model_dump(), changes))


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
