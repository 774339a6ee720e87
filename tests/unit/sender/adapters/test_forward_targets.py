"""Where a forward goes: to the forward URL with its secret, or to the chat's URL, which is the secret itself."""

from dataclasses import dataclass
from typing import Any

import pytest

from libs.contracts.forwards import CHAT_KINDS, ForwardKind
from libs.store.accounts import CHAT_WEBHOOK_URL, Account, Integration, Number
from services.sender.adapters.forward_targets import FORWARD_SECRET, DirectoryForwardTargets
from services.sender.ports import ForwardTarget, NoForwardTarget
from tests.builders import SEALER, an_integration

URL, SECRET, CHAT_URL = "https://pbx.example.com/hook", "a-secret", "https://pbx.example.com/sms/generic/token"


def sealed(text: str, field_name: str) -> str:
    return SEALER.seal(text, owner="int_1", field_name=field_name)


def a_row(**changes: Any) -> Integration:
    known = {
        "forward_url": URL,
        "sealed_forward_secret": sealed(SECRET, FORWARD_SECRET),
        "chat_enabled": True,
        "sealed_chat_webhook_url": sealed(CHAT_URL, CHAT_WEBHOOK_URL),
    }
    return an_integration(**(known | changes))


@dataclass(frozen=True)
class Rows:
    row: Integration | None

    async def integration(self, integration_id: str) -> Integration | None:
        return self.row

    async def account(self, account_id: str) -> Account | None:
        raise NotImplementedError

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        raise NotImplementedError


async def target(kind: ForwardKind, row: Integration | None) -> ForwardTarget | NoForwardTarget:
    return await DirectoryForwardTargets(Rows(row), SEALER).target("int_1", kind)


@pytest.mark.parametrize("kind", ForwardKind, ids=str)
async def test_each_kind_goes_to_its_own_address(kind: ForwardKind) -> None:
    found = await target(kind, a_row())

    assert isinstance(found, ForwardTarget)
    assert (found.url, found.secret) == ((CHAT_URL, "") if kind in CHAT_KINDS else (URL, SECRET))
    assert CHAT_URL not in repr(found)


CHAT, HOOK = ForwardKind.CHAT_MESSAGE, ForwardKind.MESSAGE_RECEIVED
NOWHERE: dict[str, tuple[ForwardKind, Integration | None, str]] = {
    "no integration": (CHAT, None, "unknown_integration"),
    "the chat is off": (CHAT, a_row(chat_enabled=False), "chat_off"),
    "the chat has no address": (CHAT, a_row(sealed_chat_webhook_url=None), "chat_off"),
    "a disabled integration's chat": (CHAT, a_row(enabled=False), "chat_off"),
    "a chat's address sealed for another": (
        CHAT,
        a_row(sealed_chat_webhook_url=sealed(CHAT_URL, FORWARD_SECRET)),
        "secret_unreadable",
    ),
    "no forward URL": (HOOK, a_row(forward_url=None), "forwarding_off"),
    "a disabled integration": (HOOK, a_row(enabled=False), "forwarding_off"),
    "an unreadable secret": (HOOK, a_row(sealed_forward_secret="k9.x"), "secret_unreadable"),
}


@pytest.mark.parametrize(("kind", "row", "reason"), NOWHERE.values(), ids=NOWHERE)
async def test_without_an_address_the_reason_is_one_word(
    kind: ForwardKind, row: Integration | None, reason: str
) -> None:
    assert await target(kind, row) == NoForwardTarget(reason)
