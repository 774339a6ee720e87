"""`FaultScript`: which sends fail, how, and how often. Deterministic for a given seed; no I/O."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.simulator.send_requests import Send, digits_of

FaultKind = Literal[
    "none",  # the usual answer: excludes a send from the steps below
    "error",  # Meta's error `code`
    "throttle",  # like `error`, by default 130429, with `retry_after`
    "http_status",  # `http_status` with a page that is not Meta's envelope
    "hang",  # never answers
    "late",  # answers after `seconds`
    "drop_before",  # the connection is closed, nothing was accepted
    "drop_after",  # accepted, then the connection is reset before the answer
    "garbage",  # 200 with a body that is not JSON
    "slow_body",  # the answer's body takes `seconds`
    "truncated",  # the connection closes in the middle of the answer's body
    "failed_status",  # accepted, then a webhook reports `failed` with `code`
]
_ACCEPTING = frozenset({"none", "late", "drop_after", "garbage", "slow_body", "truncated", "failed_status"})
_STRICT = ConfigDict(frozen=True, extra="forbid")


class Fault(BaseModel):
    """A fault. `accepted` overrides whether the message counts as accepted."""

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
        """True when the message counts as accepted, although the caller may not receive the answer."""
        return self.kind in _ACCEPTING if self.accepted is None else self.accepted


class Match(BaseModel):
    """The sends that a step applies to; an omitted field matches everything. A `probe` reads the number (`is_probe`).

    The step skips the first `after` matching sends, then fires for at most `times` (None: all), each with
    `probability`, drawn from `seed`.
    """

    model_config = _STRICT

    phone_number_id: str | None = None
    to: str | None = Field(default=None, repr=False)
    callback: str | None = None
    kind: Literal["message", "read", "probe", "upload", "contact_book", "any"] = "message"
    type: str | None = None
    after: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=0)
    probability: float = Field(default=1.0, ge=0, le=1)
    seed: int = 0

    def covers(self, send: Send) -> bool:
        """True when the fields match the send, whatever the counts."""
        if self.kind not in {"any", _kind_of(send)}:
            return False
        return (
            self.type in {None, send.type}
            and self.phone_number_id in {None, send.phone_number_id}
            and (self.to is None or digits_of(self.to) == send.to)
            and self.callback in {None, send.callback}
        )


def _kind_of(send: Send) -> str:
    kinds = {
        "upload": send.is_upload,
        "contact_book": send.is_contact_book,
        "probe": send.is_probe,
        "read": send.is_read,
    }
    return next((kind for kind, holds in kinds.items() if holds), "message")


class FaultStep(BaseModel):
    """One step of a script."""

    model_config = _STRICT

    match: Match = Match()
    fault: Fault


@dataclass(slots=True)
class _StepState:
    step: FaultStep
    chance: random.Random
    seen: int = 0
    fired: int = field(default=0)

    def fires(self, send: Send) -> bool:
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


class FaultScript:
    """Steps in order: the first one that fires for a send gives its fault."""

    def __init__(self, steps: Iterable[FaultStep] = ()) -> None:
        # Seeded, so that a failing test fails again.
        self._states = [_StepState(step, random.Random(step.match.seed)) for step in steps]  # noqa: S311

    def fault_for(self, send: Send) -> Fault | None:
        """The fault of this send, or None; counts the send."""
        for state in self._states:
            if state.fires(send):
                return None if state.step.fault.kind == "none" else state.step.fault
        return None

    @property
    def steps(self) -> tuple[FaultStep, ...]:
        """The script's steps."""
        return tuple(state.step for state in self._states)

    @property
    def fired(self) -> list[int]:
        """How often each step has fired, in order."""
        return [state.fired for state in self._states]
