"""What the control API can be told, as values; a field that does not exist is refused, never ignored."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tools.simulator.faults import Step
from tools.simulator.payloads import Inbound, Shape, StatusName
from tools.simulator.webhooks import Signature

_STRICT = ConfigDict(frozen=True, extra="forbid")


class InboundBatch(BaseModel):
    """Messages for one webhook, in one `shape`: one change with all, a change for each, or an entry for each.

    The same bytes are posted `times` over, and again until taken when `retry` is set.
    """

    model_config = _STRICT

    messages: tuple[Inbound, ...] = Field(min_length=1)
    shape: Shape = "changes"
    times: int = Field(default=1, ge=1, le=1000)
    retry: bool = True


class RawWebhook(BaseModel):
    """Any payload (or exact `body` text) to sign and post."""

    model_config = _STRICT

    payload: Any = Field(default=None, repr=False)
    body: str | None = Field(default=None, repr=False)
    signature: Signature = "valid"
    times: int = Field(default=1, ge=1, le=1000)
    retry: bool = True


class StatusOrder(BaseModel):
    """A status for a message that was accepted, by its id; `code` adds an error, for `failed`."""

    model_config = _STRICT

    id: str
    status: StatusName
    code: int | None = None
    timestamp: int | None = None


class ScriptOrder(BaseModel):
    """Steps that replace the script that runs, or with `append` come after its own."""

    model_config = _STRICT

    steps: tuple[Step, ...]
    append: bool = False


class VerifyOrder(BaseModel):
    """Meta's handshake with the first webhook URL."""

    model_config = _STRICT

    verify_token: str = Field(repr=False)


class ConfigOrder(BaseModel):
    """Fields of `Behaviour` to change; nested ones one by one."""

    model_config = ConfigDict(frozen=True, extra="allow")
