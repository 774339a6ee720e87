"""All commands with the sentences that `gateway --help` lists, so that a start imports the called command alone.

The modules of all commands take most of a second of CPU to import, of which most commands need less than a tenth.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from cyclopts import App

FROM_ENVIRON: Final = "command_from"
"""The function of a module that makes its command from the environment."""


@dataclass(frozen=True, slots=True)
class ListedCommand:
    """A command or a group of commands: where it is, as `module.name`, and the first paragraph of its help."""

    name: str
    place: str
    help: str

    def imported(self, environ: Mapping[str, str]) -> App | Callable[..., None]:
        """The group, or the function of the command."""
        module, name = self.place.split(".")
        found: Any = getattr(import_module(f"tools.cli.commands.{module}"), name)
        command: App | Callable[..., None] = found(environ) if name == FROM_ENVIRON else found
        return command

    def listed(self) -> App:
        """What takes its place in the list of all commands, and does nothing."""
        return App(name=self.name, help=self.help)


COMMANDS: Final = (
    ListedCommand(
        *("accounts", "accounts.app"),
        "Accounts: the businesses that use the gateway, with their limits and retention.",
    ),
    ListedCommand(
        *("approvals", "approvals.app"),
        "Changes that need a second person: legal holds, retention, opt-outs, many erasures.",
    ),
    ListedCommand("instances", "instances.app", "The WhatsApp numbers of an account."),
    ListedCommand("integrations", "integrations.app", "The connections of 3CX systems."),
    ListedCommand("suppressions", "suppressions.app", "Customers that must not be messaged."),
    ListedCommand("consents", "consents.app", "The evidence that customers agreed to be messaged."),
    ListedCommand(
        *("restrictions", "restrictions.app"),
        "What WhatsApp forbids: numbers, business accounts, templates, customers.",
    ),
    ListedCommand("templates", "templates.app", "WhatsApp's templates: what the gateway knows of them."),
    ListedCommand("events", "events.app", "Recorded events, newest first."),
    ListedCommand("forwards", "forwards.app", "Forwards to 3CX systems, with every attempt."),
    ListedCommand(
        *("dead-letters", "dead_letters.app"),
        "Deliveries that could not be processed: list, show, replay, discard.",
    ),
    ListedCommand("errors", "errors.app", "Error codes: cause and fix."),
    ListedCommand("policy", "policy.app", "Simulate decisions without sending anything."),
    ListedCommand("rules", "rules.app", "The rules that receipts name, in every version."),
    ListedCommand("reports", "reports.app", "Compliance reports. Reading one is recorded."),
    ListedCommand("audit", "audit.app", "Verify and export the record; create and check proofs."),
    ListedCommand("witness", "witness.app", "Run a witness that cosigns checkpoints of cumulative logs."),
    ListedCommand("tokens", "tokens.app", "Tokens of the operators' API."),
    ListedCommand(
        *("event-keys", "event_keys.app"),
        "Keys of the codes that prove which service published an event (GATEWAY_EVENT_KEYS).",
    ),
    ListedCommand(
        *("explain", "events.explain"),
        "Explain one event: its records in order, every rule with its inputs, and how to fix an error.",
    ),
    ListedCommand(
        *("rotate-secret", "integrations.rotate_secret"),
        "Create a new secret for an integration. It is shown only once.",
    ),
    ListedCommand(
        *("verify-delivery", "delivery_verification.verify_delivery"),
        "Check the signatures and the age of a delivery to a forward URL. One valid signature is enough.",
    ),
    ListedCommand(
        *("crm-template", "integrations.crm_template"),
        "Print the CRM template (XML) for 3CX. With it, 3CX reports each ended call to the gateway.",
    ),
    ListedCommand(
        *("chat-setup", "chat.chat_setup"),
        "Create a chat key and print what to enter in 3CX, and where. The key is shown only once.",
    ),
    ListedCommand("chat-test", "chat.chat_test", "Post one line into 3CX's chat, and say what came back."),
    ListedCommand(
        *("erase", "subjects.erase"),
        "Erase one customer of an account: records become anonymous, all other data about the customer is deleted.",
    ),
    ListedCommand("subject-export", "subjects.subject_export", "Print all data held about one customer, as JSON."),
    ListedCommand(
        *("declare", "declare.command_from"),
        "Declare RabbitMQ's exchanges and queues, set its policy, and remove empty queues of earlier releases.",
    ),
    ListedCommand(
        *("migrate", "migrate.command_from"),
        "Build the indexes and the schema that this release needs, however long that takes.",
    ),
    ListedCommand(
        *("confirm-clock", "confirm_clock.command_from"),
        "Accept this machine's time for purges, after you compared it with a clock outside the deployment.",
    ),
    ListedCommand(
        *("backup", "backup.command_from"),
        "Copy the store to FOLDER while the services run. FOLDER must not exist: nothing is overwritten.",
    ),
    ListedCommand(
        *("restore", "restore.command_from"),
        "Restore the backup in FOLDER to the empty store of GATEWAY_STORE_URL, while no service runs.",
    ),
    ListedCommand(
        *("rebuild-log", "rebuild_log.command_from"),
        "Rebuild the entries of the cumulative log that the store lost, from its tiles, the folder and the chains.",
    ),
)


def called_in(tokens: Iterable[str]) -> str | None:
    """The command that a command line calls: its first token that names one, since only options stand before it."""
    names = {each.name for each in COMMANDS}
    return next((token for token in tokens if token in names), None)
