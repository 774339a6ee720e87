"""The image holds every module of `tools` that its command line imports: a missing one ends it at its start."""

import ast
import re
from pathlib import Path

COPIED = tuple(re.findall(r"^COPY (tools/\S+) ", Path("deploy/Dockerfile").read_text("utf-8"), re.MULTILINE))


def imported_by(path: Path) -> set[str]:
    """The modules of `tools` that a file imports; a name may be a module or something inside one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.startswith("tools.")}


def files_of(module: str) -> list[Path]:
    base = Path(*module.split("."))
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists()]


def reached_from(folder: Path) -> set[Path]:
    """Every file of `tools` that the files of a folder import, also through others."""
    reached, waiting = set[Path](), list(folder.rglob("*.py"))
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += [file for module in imported_by(path) for file in files_of(module)]
    return reached


def test_the_image_has_all_that_the_command_line_imports() -> None:
    reached = reached_from(Path("tools/cli"))

    assert {path for path in reached if not path.is_relative_to("tools/cli")}
    assert {str(path) for path in reached if not any(path.is_relative_to(each) for each in COPIED)} == set()
