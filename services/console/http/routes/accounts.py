"""Routes of accounts, their numbers and their integrations."""

from http import HTTPStatus

from services.console.domain.access import CONFIGURATION
from services.console.domain.accounts import AccountView, CreateAccountRequest, EditAccountRequest
from services.console.domain.approvals import ApprovalRequested
from services.console.domain.chat_requests import ChatTestRequest, ChatTestView
from services.console.domain.crm_template import CrmTemplateRequest, XmlDocument
from services.console.domain.integration_requests import (
    CreateIntegrationRequest,
    EditIntegrationRequest,
    IntegrationQuery,
)
from services.console.domain.integration_views import IntegrationCreated, IntegrationEdited, IntegrationView
from services.console.domain.numbers import (
    CreateNumberRequest,
    EditNumberRequest,
    NumberCreated,
    NumberView,
    RotatedNumberSecretView,
    RotateNumberSecretRequest,
)
from services.console.domain.pagination import ListPage, ListQuery
from services.console.domain.principals import Role
from services.console.domain.secrets import RotatedSecretView, RotateSecretRequest
from services.console.handlers.accounts import Accounts
from services.console.handlers.chat_tests import PostChatTest
from services.console.handlers.crm_templates import CrmTemplates
from services.console.handlers.integration_secrets import RotateIntegrationSecret
from services.console.handlers.integrations import Integrations
from services.console.handlers.number_secrets import RotateNumberSecret
from services.console.handlers.numbers import Numbers
from services.console.http.route import Route, get, patch, post

CREATED = (HTTPStatus.CREATED,)


def accounts_routes(accounts: Accounts) -> tuple[Route, ...]:
    """Accounts."""
    many, one, admin, edit = "/accounts", "/accounts/{account_id}", Role.ADMIN, EditAccountRequest
    return (
        post(
            many,
            "create_account",
            "Create an account",
            accounts.create,
            AccountView,
            body=CreateAccountRequest,
            statuses=CREATED,
            role=admin,
        ),
        get(
            many,
            "list_accounts",
            "List accounts",
            accounts.page,
            ListPage[AccountView],
            query=ListQuery,
            access=CONFIGURATION,
        ),
        get(one, "show_account", "Show an account", accounts.show, AccountView, access=CONFIGURATION),
        patch(
            one,
            "edit_account",
            "Edit an account",
            accounts.edit,
            AccountView,
            body=edit,
            role=admin,
            requests=ApprovalRequested,
        ),
    )


def numbers_routes(numbers: Numbers) -> tuple[Route, ...]:
    """An account's WhatsApp numbers."""
    many, one = "/accounts/{account_id}/instances", "/accounts/{account_id}/instances/{instance_id}"
    return (
        post(
            many,
            "create_instance",
            "Add a WhatsApp number to an account; the answer shows its webhook's secret (Evolution) this once",
            numbers.create,
            NumberCreated,
            body=CreateNumberRequest,
            statuses=CREATED,
            conflicts=True,
        ),
        get(
            many,
            "list_instances",
            "List WhatsApp numbers",
            numbers.page,
            ListPage[NumberView],
            query=ListQuery,
            access=CONFIGURATION,
        ),
        get(one, "show_instance", "Show a WhatsApp number", numbers.show, NumberView, access=CONFIGURATION),
        patch(one, "edit_instance", "Edit a WhatsApp number", numbers.edit, NumberView, body=EditNumberRequest),
        post(
            f"{one}/rotate-secret",
            "rotate_instance_secret",
            "Make a new secret for the webhooks of the number's own server (Evolution)",
            RotateNumberSecret(numbers),
            RotatedNumberSecretView,
            body=RotateNumberSecretRequest,
            conflicts=True,
        ),
    )


def integrations_routes(integrations: Integrations) -> tuple[Route, ...]:
    """Integrations, and their secrets."""
    many, one = "/integrations", "/integrations/{integration_id}"
    return (
        post(
            many,
            "create_integration",
            "Create an integration; the answer shows its secret this once",
            integrations.create,
            IntegrationCreated,
            body=CreateIntegrationRequest,
            statuses=CREATED,
        ),
        get(
            many,
            "list_integrations",
            "List integrations",
            integrations.page,
            ListPage[IntegrationView],
            query=IntegrationQuery,
            access=CONFIGURATION,
        ),
        get(one, "show_integration", "Show an integration", integrations.show, IntegrationView, access=CONFIGURATION),
        patch(
            one,
            "edit_integration",
            "Edit an integration",
            integrations.edit,
            IntegrationEdited,
            body=EditIntegrationRequest,
        ),
        post(
            f"{one}/rotate-secret",
            "rotate_secret",
            "Make a new secret; old ones stay valid for the requested overlap",
            RotateIntegrationSecret(integrations),
            RotatedSecretView,
            body=RotateSecretRequest,
            conflicts=True,
        ),
        post(
            f"{one}/chat-test",
            "post_chat_test",
            "Post one line into 3CX's chat; `GET /forwards/{forward_id}` says what came back",
            PostChatTest(integrations),
            ChatTestView,
            body=ChatTestRequest,
        ),
    )


def path_tokens_routes(crm: CrmTemplates) -> tuple[Route, ...]:
    """Tokens in addresses, and the CRM template of 3CX that holds one."""
    one = "/integrations/{integration_id}"
    template = f"{one}/crm-template.xml"
    return (
        post(
            f"{one}/rotate-path-token",
            "rotate_path_token",
            "Make a new token for the URL of senders that cannot set headers; valid for call events only",
            crm.rotate_path_token,
            RotatedSecretView,
            body=CrmTemplateRequest,
            conflicts=True,
        ),
        get(
            template,
            "show_crm_template",
            "Show a 3CX CRM template (XML) that reports ended calls",
            crm.show,
            XmlDocument,
            access=CONFIGURATION,
        ),
        post(
            template,
            "create_crm_template",
            "Create the template with a new path token in its URL, shown this once: ready to upload in 3CX",
            crm.create,
            XmlDocument,
            body=CrmTemplateRequest,
            conflicts=True,
        ),
    )
