"""A script of faults: which sends go wrong, how, how often; deterministic for a given seed, no I/O."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.simulator.wire import Send, digits_of

FaultKind = Literal[
    "none",  # answers as usual: shields a send from the steps below it
    "error",  # Meta's error `code`
    "throttle",  # the same, 130429 unless told otherwise, with `retry_after`
    "http_status",  # `http_status` with a page that is not Meta's envelope
    "hang",  # never answers
    "late",  # answers after `seconds`
    "drop_before",  # the line is closed, nothing was accepted
    "drop_after",  # accepted, then the line is reset before the answer
    "garbage",  # 200 with a body that is not JSON
    "slow_body",  # the answer's body trickles over `seconds`
    "truncated",  # the line closes in the middle of the answer's body
    "failed_status",  # accepted, then a `failed` status with `code` comes by webhook
]
_ACCEPTING = frozenset({"none", "late", "drop_after", "garbage", "slow_body", "truncated", "failed_status"})
_STRICT = ConfigDict(frozen=True, extra="forbid")


class Fault(BaseModel):
    """What goes wrong. `accepted` overrides whether WhatsApp took the message all the same."""

    model_config = _STRICT

    kind: FaultKind
    code: int = 130429
    http_status: int | None = Field(default=None, ge=200, le=599)
    details: str | None = None
    retry_after: float | None = Field(default=None, ge=0)
    seconds: float = Field(default=1.0, ge=0)
    accepted: bool | None = None

    @property
    def accepts(self) -> bool:
        """True when the message counts as accepted although the caller may never learn it."""
        return self.kind in _ACCEPTING if self.accepted is None else self.accepted


class Match(BaseModel):
    """Which sends a step is for; what is left out matches everything.

    The first `after` matching sends are let pass, then at most `times` are hit (None: for ever),
    each with `probability`, drawn from `seed`.
    """

    model_config = _STRICT

    phone_number_id: str | None = None
    to: str | None = Field(default=None, repr=False)
    callback: str | None = None
    kind: Literal["message", "read", "any"] = "message"
    after: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=0)
    probability: float = Field(default=1.0, ge=0, le=1)
    seed: int = 0

    def covers(self, send: Send) -> bool:
        """True when the send is one of those this step is for, whatever the counts say."""
        if self.kind != "any" and send.is_read != (self.kind == "read"):
            return False
        return (
            self.phone_number_id in {None, send.phone_number_id}
            and (self.to is None or digits_of(self.to) == send.to)
            and self.callback in {None, send.callback}
        )


class Step(BaseModel):
    """One line of a script."""

    model_config = _STRICT

    match: Match = Match()
    fault: Fault


@dataclass(slots=True)
class _Armed:
    step: Step
    chance: random.Random
    seen: int = 0
    fired: int = field(default=0)

    def hits(self, send: Send) -> bool:
        match = self.step.match
        if not match.covers(send):
            return False
        self.seen += 1
        if self.seen <= match.after or (match.times is not None and self.fired >= match.times):
            return False
        if match.probability < 1 and self.chance.random() >= match.probability:
            return False
        self.fired += 1
        return True


class Script:
    """Steps in their order: the first that hits a send is the fault of that send."""

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        # Chance is repeatable on purpose: a failing test must fail again.
        self._armed = [_Armed(step, random.Random(step.match.seed)) for step in steps]  # noqa: S311

    def fault_for(self, send: Send) -> Fault | None:
        """The fault of this send, or None; counts it against the step."""
        for armed in self._armed:
            if armed.hits(send):
                return None if armed.step.fault.kind == "none" else armed.step.fault
        return None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps as they were given."""
        return tuple(armed.step for armed in self._armed)

    @property
    def fired(self) -> list[int]:
        """How often each step has hit, in the script's order."""
        return [armed.fired for armed in self._armed]
