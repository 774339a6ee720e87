"""Webhook secrets are compared by their hashes, within their time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from libs.contracts.webhook_secrets import NO_SECRET, SecretDigest, digest_of, matches_secret

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CURRENT = SecretDigest(digest_of("new"))
ROTATED = SecretDigest(digest_of("old"), NOW + timedelta(seconds=1))
ENDED = SecretDigest(digest_of("older"), NOW)


@pytest.mark.parametrize(
    ("presented", "secrets", "valid"),
    [
        pytest.param(["new"], [CURRENT, ROTATED], True, id="the current secret"),
        pytest.param(["old"], [CURRENT, ROTATED], True, id="a rotated secret within its overlap"),
        pytest.param(["older"], [CURRENT, ENDED], False, id="a rotated secret at the end of its overlap"),
        pytest.param(["wrong"], [CURRENT, ROTATED], False, id="a wrong secret"),
        pytest.param([], [CURRENT], False, id="no secret"),
        pytest.param(["new", "new"], [CURRENT], False, id="the secret twice"),
        pytest.param([""], NO_SECRET, False, id="nothing, where no secret exists"),
        pytest.param(["sch\udce4l"], [SecretDigest(digest_of("sch\udce4l"))], True, id="a secret of any bytes"),
    ],
)
def test_a_secret_matches_alone_and_in_time(
    presented: Sequence[str], secrets: Sequence[SecretDigest], *, valid: bool
) -> None:
    assert matches_secret(presented, secrets, now=NOW) is valid


def test_a_digest_shows_no_secret() -> None:
    assert "new" not in repr(CURRENT)
    assert CURRENT.digest.hex() not in repr(CURRENT)
