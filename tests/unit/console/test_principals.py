"""What a caller of the operators' API may do and see."""

import pytest

from libs.contracts.errors import GatewayError, OperatorCode
from services.console.domain.principals import Principal, Role


def holder(*accounts: str, role: Role = Role.OPERATOR) -> Principal:
    """The holder of a token for these accounts; of all accounts without any."""
    return Principal("token-1", role, frozenset(accounts) or None)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("required", Role)
def test_a_role_includes_the_ones_before_it(role: Role, required: Role) -> None:
    caller = holder(role=role)

    if list(Role).index(role) >= list(Role).index(required):
        caller.require(required)
    else:
        with pytest.raises(GatewayError) as refused:
            caller.require(required)
        assert refused.value.code is OperatorCode.FORBIDDEN
        assert refused.value.details == {"required_role": required.name.lower()}


@pytest.mark.parametrize(
    ("caller", "requested", "listed"),
    [
        pytest.param(holder(), None, None, id="all accounts"),
        pytest.param(holder(), "acc-9", "acc-9", id="one of all accounts"),
        pytest.param(holder("acc-1"), None, "acc-1", id="the only account of the token"),
        pytest.param(holder("acc-1"), "acc-1", "acc-1", id="the token's account by name"),
        pytest.param(holder("acc-1", "acc-2"), "acc-2", "acc-2", id="one of the token's accounts"),
        pytest.param(holder("acc-1"), "acc-2", OperatorCode.FORBIDDEN, id="an account that the token does not cover"),
        pytest.param(holder("acc-1"), "", OperatorCode.FORBIDDEN, id="an empty name"),
        pytest.param(holder("acc-1", "acc-2"), None, OperatorCode.INVALID_REQUEST, id="no name, several accounts"),
    ],
)
def test_a_list_never_shows_more_than_the_token_covers(
    caller: Principal, requested: str | None, listed: str | OperatorCode | None
) -> None:
    if isinstance(listed, OperatorCode):
        with pytest.raises(GatewayError) as refused:
            caller.scope(requested)
        assert refused.value.code is listed
    else:
        assert caller.scope(requested) == listed
