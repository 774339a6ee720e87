"""Made-up ids in Meta's forms: messages, calls, requests, and business-scoped user ids."""

import base64
import hashlib
import itertools
import secrets


def user_id_from(phone: str) -> str:
    """A made-up business-scoped user id for a phone in digits, always the same."""
    digest = hashlib.blake2b(phone.encode(), digest_size=7).digest()
    return f"US.{int.from_bytes(digest, 'big')}"


def parent_user_id_from(user_id: str) -> str:
    """The made-up parent's id of a user id (`US.1` has `US.ENT.1`), always the same."""
    country, _, rest = user_id.partition(".")
    return f"{country}.ENT.{rest}"


class Ids:
    """Makes wamids and trace ids that are unique across runs of the simulator."""

    def __init__(self) -> None:
        self._run = secrets.token_bytes(9)
        self._numbers = itertools.count(1)

    def wamid(self) -> str:
        """A new message id in Meta's form, `wamid.` and base64."""
        raw = self._run + next(self._numbers).to_bytes(8, "big")
        return "wamid.HBgM" + base64.b64encode(raw).decode()

    def call_id(self) -> str:
        """A new call id in Meta's form, `wacid.` and base64."""
        return self.wamid().replace("wamid.", "wacid.", 1)

    def fbtrace_id(self) -> str:
        """A new request id, as in error answers."""
        raw = self._run[:3] + next(self._numbers).to_bytes(8, "big")
        return "A" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
