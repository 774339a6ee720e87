"""The bodies of control requests; unknown fields are rejected."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tools.simulator.faults import FaultStep
from tools.simulator.status_payloads import StatusName
from tools.simulator.webhook_payloads import Inbound, Shape
from tools.simulator.webhook_sender import Signature

_STRICT = ConfigDict(frozen=True, extra="forbid")


class InboundBatch(BaseModel):
    """Messages for one webhook, in one `shape`: one change with all, a change for each, or an entry for each.

    The same bytes are posted `times` times; each post is retried until it is accepted when `retry` is set.
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


class StatusRequest(BaseModel):
    """A status of an accepted message; `code` adds an error, for `failed`."""

    model_config = _STRICT

    id: str
    status: StatusName
    code: int | None = None
    timestamp: int | None = None


class ScriptRequest(BaseModel):
    """Steps that replace the script, or with `append` are added to it."""

    model_config = _STRICT

    steps: tuple[FaultStep, ...]
    append: bool = False


class VerifyRequest(BaseModel):
    """Meta's handshake with the first webhook URL."""

    model_config = _STRICT

    verify_token: str = Field(repr=False)


class ConfigRequest(BaseModel):
    """Fields of `Behaviour` to change, nested ones too."""

    model_config = ConfigDict(frozen=True, extra="allow")


class TemplatesRequest(BaseModel):
    """The templates of a number's business account, in Meta's form; none: templates are not checked."""

    model_config = _STRICT

    phone_number_id: str
    templates: tuple[dict[str, Any], ...] = Field(repr=False)
