"""`gateway suppressions import` and `gateway consents`."""

import tracemalloc
from pathlib import Path

import pytest

from services.console.domain.import_rows import LONGEST_LINE
from tests.unit.cli.shell import Shell
from tests.unit.console.world import PHONE
from tools.cli.commands.imports import LONGEST, lines_of, parts_of
from tools.cli.console_client import ExitCode


async def an_account(shell: Shell) -> str:
    return str((await shell.world.account())["id"])


def a_file(folder: Path, text: str, name: str = "list.csv") -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


async def test_a_file_is_checked_first_then_applied_and_again_unchanged(shell: Shell, tmp_path: Path) -> None:
    account = await an_account(shell)
    file = a_file(tmp_path, f"phone,since\n{PHONE},2026-11-20\n050 111 2222,2026-11-20\n")
    command = ("suppressions", "import", file, "--account-id", account)

    dry = await shell.json(*command, "--dry-run")
    done = await shell.json(*command)
    again = await shell.json(*command)

    assert (dry["dry_run"], dry["added"], dry["last_row"]) == (True, 2, 2)
    assert (done["added"], again["unchanged"]) == (2, 2)
    assert done["import_id"] != again["import_id"]


async def test_refused_rows_are_named_and_the_others_are_done(shell: Shell, tmp_path: Path) -> None:
    account = await an_account(shell)
    file = a_file(tmp_path, f"phone\nnobody\n{PHONE}\n")

    code, out, _ = await shell("suppressions", "import", file, "--account-id", account)

    assert code is ExitCode.REFUSED
    assert "must be a valid phone number" in out
    assert len((await shell.json("suppressions", "list", "--account-id", account))["items"]) == 1


async def test_a_row_about_an_erased_customer_is_refused_with_its_code(shell: Shell, tmp_path: Path) -> None:
    account = await an_account(shell)
    await shell.json("suppressions", "add", account, "--phone", PHONE, "--reason", "asked by phone")
    await shell.json("erase", account, "--phone", PHONE, "--reason", "letter of today")
    shell.world.clock.pass_by(hours=1)
    file = a_file(tmp_path, f"phone,at\n{PHONE},2026-11-20\n050 111 2222,2026-11-20\n")

    code, out, _ = await shell("consents", "import", file, "--account-id", account)
    added, text, err = await shell(
        *("consents", "add", account, "--phone", PHONE, "--at", "2026-11-20T10:00:00Z", "--json")
    )

    assert (code, added) == (ExitCode.REFUSED, ExitCode.REFUSED)
    assert "customer_erased" in out
    assert "customer_erased" in text + err


def test_a_long_file_goes_in_parts_each_with_the_header_and_the_number_of_its_first_row() -> None:
    lines = ["phone", *(f"{number}" for number in range(1, 6))]

    parts = list(parts_of(iter(lines), "text/csv", 1, size=2))

    assert parts == [(2, b"phone\n2\n3\n"), (4, b"phone\n4\n5\n")]
    assert list(parts_of(iter(["{}", "[]"]), "application/x-ndjson", 0, size=1)) == [(1, b"{}\n"), (2, b"[]\n")]


def test_a_file_of_any_length_is_read_a_line_at_a_time_and_a_line_without_end_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"\xef\xbb\xbfphone\r\n" + b"+966512345678\r\n" * 200_000 + b"9" * 20_000_000 + b"\nlast\xff")
    tracemalloc.start()

    try:
        count, longest, first, last = 0, 0, "", ""
        for last in lines_of(path):
            first, count, longest = first or last, count + 1, max(longest, len(last))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (first, count, last) == ("phone\r", 200_003, "last\ufffd")
    assert longest == LONGEST > LONGEST_LINE
    assert peak < 1_000_000


async def test_an_import_goes_on_behind_the_rows_that_are_done(shell: Shell, tmp_path: Path) -> None:
    account = await an_account(shell)
    file = a_file(tmp_path, "phone,at\n" + "".join(f"+96651234567{n},2026-11-20\n" for n in range(5)))
    command = ("consents", "import", file, "--account-id", account)

    rest = await shell.json(*command, "--after-row", "3")
    whole = await shell.json(*command)

    assert (rest["added"], rest["last_row"]) == (2, 5)
    assert (whole["added"], whole["unchanged"], whole["last_row"]) == (3, 2, 5)


@pytest.mark.parametrize("name", ["list.xlsx", "gone.csv"])
async def test_a_file_that_cannot_be_sent_is_wrong_usage(shell: Shell, tmp_path: Path, name: str) -> None:
    account = await an_account(shell)
    a_file(tmp_path, "phone\n", "list.xlsx")

    code, *_ = await shell("consents", "import", str(tmp_path / name), "--account-id", account)

    assert code is ExitCode.USAGE


async def test_an_opt_in_is_added_listed_and_withdrawn(shell: Shell) -> None:
    account = await an_account(shell)
    customer = ("--phone", PHONE)

    added = await shell.json("consents", "add", account, *customer, "--at", "2026-11-20T10:00:00Z", "--origin", "till")
    await shell.json("consents", "withdraw", account, *customer, "--reason", "by letter")
    listed = await shell.json("consents", "list", account, *customer)

    assert [(each["id"], each["withdrawn"]) for each in listed["items"]] == [(added["id"], True)]
