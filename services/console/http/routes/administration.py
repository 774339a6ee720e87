"""Routes of tokens, and of what waits for a second person."""

from http import HTTPStatus

from services.console.domain.access import Recorded
from services.console.domain.approvals import ApprovalQuery, ApprovalView, RejectRequest
from services.console.domain.pagination import ListPage, ListQuery
from services.console.domain.principals import Role
from services.console.domain.tokens import TokenCreated, TokenRequest, TokenView
from services.console.handlers.approvals import Approvals
from services.console.handlers.tokens import TokenAdministration
from services.console.http.route import Route, delete, get, post

CREATED = (HTTPStatus.CREATED,)


def tokens_routes(tokens: TokenAdministration) -> tuple[Route, ...]:
    """Tokens of the API."""
    many, one, admin = "/tokens", "/tokens/{token_id}", Role.ADMIN
    return (
        post(
            many,
            "create_token",
            "Create a token of this API; the answer shows it this once",
            tokens.create,
            TokenCreated,
            body=TokenRequest,
            statuses=CREATED,
            role=admin,
        ),
        get(
            many,
            "list_tokens",
            "List tokens",
            tokens.page,
            ListPage[TokenView],
            query=ListQuery,
            role=admin,
            access=Recorded(),
        ),
        delete(one, "revoke_token", "Revoke a token with immediate effect", tokens.revoke, TokenView, role=admin),
    )


def approvals_routes(approvals: Approvals) -> tuple[Route, ...]:
    """What waits for a second person."""
    many, one = "/approvals", "/approvals/{approval_id}"
    return (
        get(
            many,
            "list_approvals",
            "List requests that need a second person's approval",
            approvals.page,
            ListPage[ApprovalView],
            query=ApprovalQuery,
            access=Recorded(),
        ),
        get(one, "show_approval", "Show a request for approval", approvals.show, ApprovalView, access=Recorded()),
        post(
            f"{one}/approve",
            "approve",
            "Approve a request with another person's token; what was requested takes effect",
            approvals.approve,
            ApprovalView,
            conflicts=True,
        ),
        post(
            f"{one}/reject",
            "reject",
            "Reject a request, or withdraw an own one; the reason is on record",
            approvals.reject,
            ApprovalView,
            body=RejectRequest,
            conflicts=True,
        ),
    )
