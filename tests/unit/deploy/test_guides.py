"""Every link of the documentation leads somewhere, and every file and setting that it names exists."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "runbook").glob("*.md")])
"""Decisions are left out: they tell what was true then."""
CHANGES = ROOT / "CHANGELOG.md"
_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
_FILE = re.compile(r"`((?:tests|tools|libs|services|bench|deploy|docs)/[\w./-]+)`")
_SETTING = re.compile(r"\bGATEWAY_[A-Z0-9_]*[A-Z0-9]\b")
_FENCE = re.compile(r"^\s*```.*?^\s*```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`]*`")


@cache
def settings() -> frozenset[str]:
    """The settings of the services, and the variables of tools, tests and deployments."""
    sources = [
        path.read_text("utf-8")
        for folder in ("libs", "services", "tools", "tests", "deploy", "bench")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".yaml", ".yml", ".sh"} and path.is_file()
    ]
    documented = (ROOT / "docs" / "settings.md").read_text("utf-8")
    return frozenset(_SETTING.findall("\n".join([*sources, documented, (ROOT / "Makefile").read_text("utf-8")])))


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def broken_in(page: Path, text: str) -> Iterator[str]:
    """The links of a page, and the files that it names, which lead nowhere."""
    for target, anchor in _LINK.findall(_CODE.sub("", _FENCE.sub("", text))):
        if "://" in target or target.startswith("mailto:"):
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors_of(path)):
            yield f"{target}#{anchor}"
    for name in _FILE.findall(text):
        if not (ROOT / name).exists() and not (ROOT / f"{name}.py").exists():
            yield name
    yield from (name for name in _SETTING.findall(text) if name.removesuffix("_FILE") not in settings())


@pytest.mark.parametrize("page", [page for page in PAGES if page != CHANGES], ids=lambda page: page.name)
def test_a_page_leads_to_what_exists(page: Path) -> None:
    assert sorted(set(broken_in(page, page.read_text("utf-8")))) == []


def test_what_does_not_exist_is_found() -> None:
    text = "[a](nowhere.md) [b](upgrade.md#rollback) [c](upgrade.md#roll) `tests/none.py` `[d](e.md)` `libs/store`"
    setting = "GATEWAY" + "_UNKNOWN_EVENTS"  # in two parts, since this file is one of the sources

    found = list(broken_in(ROOT / "docs" / "x.md", f"{text} `{setting}=5` GATEWAY_HASH_KEY_FILE"))

    assert found == ["nowhere.md#", "upgrade.md#roll", "tests/none.py", setting]
