"""Empty SQLite stores for tests: their tables are made once in a process and copied for each test.

Making the five files anew took a third of what many small tests take. Tests of the making itself open a store directly.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from libs.store.factory import open_store
from libs.store.store import Store

NAME = "gateway.db"
_FILES: dict[str, bytes] = {}
"""The content of each file by its name."""


async def open_empty_sqlite(folder: Path) -> Store:
    """The store of `NAME` in a folder, which is empty or has the store already; the test closes it."""
    if not (folder / NAME).exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in (await _files()).items():
            (folder / name).touch(mode=0o600)
            (folder / name).write_bytes(content)
    return await open_store(f"sqlite:///{folder / NAME}")


async def _files() -> dict[str, bytes]:
    if not _FILES:
        with TemporaryDirectory() as folder:
            await (await open_store(f"sqlite:///{folder}/{NAME}")).close()
            _FILES.update({file.name: file.read_bytes() for file in Path(folder).iterdir()})
    return _FILES
