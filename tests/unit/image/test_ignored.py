from pathlib import Path

import pytest

from tools.image.dockerfile import stages_of
from tools.image.ignored import Ignored, context_files

ROOT = Path(__file__).parents[3]
OURS = Ignored.from_text((ROOT / ".dockerignore").read_text("utf-8"))


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".cache/image/lock",
        "var/secrets/hash-key",
        "deploy/.env",
        "deploy/event-keys/ingress",
        "tests/builders.py",
        "libs/store/__pycache__/store.cpython-313.pyc",
        "tools/cli/left.pyc",
    ],
)
def test_a_build_never_gets(path: str) -> None:
    assert OURS.hides(path)


@pytest.mark.parametrize("dockerfile", ["deploy/Dockerfile", "deploy/images/simulator.Dockerfile"])
def test_a_build_gets_all_that_a_copy_step_names(dockerfile: str) -> None:
    stages = stages_of((ROOT / dockerfile).read_text("utf-8"), {})
    copies = [step for stage in stages for step in stage.steps if step.word == "COPY" and not step.flags]

    assert copies
    for step in copies:
        assert list(context_files(ROOT, step.words[0])), step.text


@pytest.mark.parametrize(
    ("patterns", "path", "hidden"),
    [
        ("**/*.pem", "a/b/key.pem", True),
        ("*.pem", "a/key.pem", False),
        ("*\n!libs\nlibs/secret*", "libs/secrets/x", True),
        ("*\n!libs", "libs/a/b.py", False),
    ],
)
def test_the_last_pattern_that_matches_decides(patterns: str, path: str, *, hidden: bool) -> None:
    assert Ignored.from_text(patterns).hides(path) is hidden
