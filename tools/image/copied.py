"""What a COPY step takes from the checkout, with modes that do not depend on the umask of who cloned it."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.image.archive import Image
from tools.image.configuration import absolute
from tools.image.dockerfile import DockerfileError, Step, filled
from tools.image.ignored import context_files


@dataclass(frozen=True, slots=True)
class Copied:
    """Files of the checkout, each with its absolute path in the image."""

    files: tuple[tuple[Path, str], ...]

    @property
    def digest(self) -> str:
        """Changes with any path, content or mode."""
        digest = hashlib.sha256()
        for file, path in self.files:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{path}\0{_mode(file):o}\0{content}\n".encode())
        return digest.hexdigest()

    def lay(self, tree: Path) -> None:
        """Write the files into the folder `tree` as they will be in the image."""
        for file, path in self.files:
            target = tree / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            target.chmod(_mode(file))
        for folder, _, _ in os.walk(tree):
            Path(folder).chmod(0o755)


def copied_files(checkout: Path, step: Step, image: Image) -> Copied:
    """The files of `COPY SOURCE… TARGET`.

    Raises:
        DockerfileError: A source has no file, or `.dockerignore` hides all of them; or a flag is not known.

    """
    if step.flags:
        raise DockerfileError(f"COPY: the flags {', '.join(step.flags)} are not known.")
    *sources, last = step.words
    target = absolute(image.workdir, filled(last, image.environ))
    into_folder = last.endswith("/") or last == "." or len(sources) > 1
    files: list[tuple[Path, str]] = []
    for source in sources:
        found = list(context_files(checkout, source.strip("/")))
        if not found:
            raise DockerfileError(f"COPY {source}: it is missing, or .dockerignore hides it.")
        files += [(file, _path(file, inside, target, into_folder=into_folder)) for file, inside in found]
    return Copied(tuple(files))


def _path(file: Path, inside: str, target: str, *, into_folder: bool) -> str:
    """`inside` is empty for a source that is a file: it gets the target's name, or goes into the target."""
    if inside:
        return f"{target.rstrip('/')}/{inside}"
    return f"{target.rstrip('/')}/{file.name}" if into_folder else target


def _mode(file: Path) -> int:
    return 0o755 if file.stat().st_mode & 0o100 else 0o644
