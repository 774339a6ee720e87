"""The refusals of the operators' API that handlers and models raise."""

from libs.contracts.errors import GatewayError, OperatorCode


def invalid(field: str, problem: str) -> GatewayError:
    """The refusal of one field, in the same shape as the refusals of the request models."""
    return GatewayError(OperatorCode.INVALID_REQUEST, {"errors": [{"field": field, "problem": problem}]})


def not_found() -> GatewayError:
    """The refusal of an id that is unknown or outside the token's accounts."""
    return GatewayError(OperatorCode.NOT_FOUND)


def conflict(problem: str) -> GatewayError:
    """The refusal of a call that the current state does not allow."""
    return GatewayError(OperatorCode.CONFLICT, {"problem": problem})
