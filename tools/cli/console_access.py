"""The console's address and the operators' token: given, or those of the gateway that `make run` runs here.

No text of a failure holds the token.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tools.cli.console_client import CommandFailed, ExitCode
from tools.run_folder import CONSOLE, is_running, read_addresses

TOKEN_FILE = Path("secrets") / "admin_token"
CHECKOUT_DATA_DIR = Path(__file__).resolve().parents[2] / "var"
DOCUMENTED_URL = "http://127.0.0.1:8090"


def setting(environ: Mapping[str, str], name: str) -> str | None:
    """A setting, or the content of the file that `<name>_FILE` names, as mounted secrets are read by the services.

    None when neither is set. Raises CommandFailed for a file that cannot be read.
    """
    if value := environ.get(name):
        return value.strip()
    if not (path := environ.get(f"{name}_FILE")):
        return None
    try:
        return Path(path).read_text("utf-8").strip() or None
    except (OSError, ValueError) as error:
        text = f"{name}_FILE: {path} cannot be read ({type(error).__name__})"
        raise CommandFailed(text, ExitCode.USAGE) from None


def given_url(environ: Mapping[str, str]) -> str | None:
    """The console's URL in GATEWAY_CONSOLE_URL or by GATEWAY_CONSOLE_PORT; None when neither is set.

    Raises CommandFailed unless it is an HTTP URL.
    """
    if url := setting(environ, "GATEWAY_CONSOLE_URL"):
        if not _is_http_url(url):
            raise CommandFailed("GATEWAY_CONSOLE_URL must be an http:// or https:// URL", ExitCode.USAGE)
        return url.rstrip("/")
    if port := setting(environ, "GATEWAY_CONSOLE_PORT"):
        if not _is_http_url(url := f"http://127.0.0.1:{port}"):
            raise CommandFailed("GATEWAY_CONSOLE_PORT must be a port, such as 8090", ExitCode.USAGE)
        return url
    return None


def _is_http_url(url: str) -> bool:
    """Whether it is the address of a server and no more; a request to anything else fails in ways of its own."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and not set(" @?#") & set(url)
    return parts.scheme in ("http", "https") and bool(host) and plain


def access_from(environ: Mapping[str, str]) -> tuple[str, str]:
    """The console's URL and the operators' token. Raises CommandFailed when one of them is not to be had.

    The URL is the given one, else that of the gateway that runs with the data directory, else the documented one. The
    token is GATEWAY_ADMIN_TOKEN or its file, else the one in the data directory, which nobody gave for an address: it
    goes to the gateway that runs with that directory, and to no other, unless both are named.
    """
    url, token = given_url(environ), _given_token(environ)
    folder = _data_dir(environ)
    own = read_addresses(folder).get(CONSOLE) if folder is not None and is_running(folder) else None
    if token:
        return url or own or DOCUMENTED_URL, token
    if folder is None:
        raise CommandFailed(
            "No token: set GATEWAY_ADMIN_TOKEN or GATEWAY_ADMIN_TOKEN_FILE, or GATEWAY_DATA_DIR to the gateway's data "
            "directory",
            ExitCode.NO_ACCESS,
        )
    if url is not None and url != own and not setting(environ, "GATEWAY_DATA_DIR"):
        raise CommandFailed(f"The token in {folder} is not for {url}: set GATEWAY_ADMIN_TOKEN", ExitCode.NO_ACCESS)
    if (url := url or own) is None:
        raise CommandFailed(
            f"No gateway runs with {folder}: start it with `make run`, or set GATEWAY_CONSOLE_URL and "
            f"GATEWAY_ADMIN_TOKEN",
            ExitCode.UNREACHABLE,
        )
    return url, _token_in(folder)


def _given_token(environ: Mapping[str, str]) -> str | None:
    token = setting(environ, "GATEWAY_ADMIN_TOKEN")
    if token and not (token.isascii() and token.isprintable()):
        raise CommandFailed("GATEWAY_ADMIN_TOKEN is no token: one is a line of ASCII characters", ExitCode.NO_ACCESS)
    return token


def _token_in(folder: Path) -> str:
    try:
        return (folder / TOKEN_FILE).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        text = f"The token in {folder} cannot be read ({type(error).__name__})"
        raise CommandFailed(text, ExitCode.NO_ACCESS) from None


def _data_dir(environ: Mapping[str, str]) -> Path | None:
    """The data directory that is given, else the one here or in the checkout; None when it has no token."""
    given = setting(environ, "GATEWAY_DATA_DIR")
    folders = [Path(given)] if given else [Path("var"), CHECKOUT_DATA_DIR]
    return next((folder for folder in folders if _has_token(folder)), None)


def _has_token(folder: Path) -> bool:
    try:
        return (folder / TOKEN_FILE).is_file()
    except OSError:  # its name is too long, or it is another user's
        return False
