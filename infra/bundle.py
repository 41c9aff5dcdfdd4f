"""Assets of the functions: the code as one asset, the dependencies as one layer.

The wheels come from the folder that ``make setup`` has filled, so synthesis needs no network. Byte
code is compiled when the machine has an interpreter of the target's version. Without it, Lambda
compiles on import; with SnapStart that happens when a version is published, not in a request.
"""

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUNDLES = ROOT / "infra" / "bundles"
WHEELS = ROOT / "infra" / "wheels"
LOCK = ROOT / "infra" / "locks" / "lambda.txt"
CODE = ("functions", "shared")
COMPILE = ("-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash")


@dataclass(frozen=True, slots=True)
class Target:
    """A runtime to build for."""

    python: str
    machine: str


CLOUD = Target(python="3.13", machine="arm64")
LOCAL = Target(
    python=f"{sys.version_info.major}.{sys.version_info.minor}",
    machine="arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
)


def code(target: Target) -> Path:
    """The folder with our own packages; rebuilt when a source file has changed."""
    sources = sorted(
        path
        for package in CODE
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".md" and "__pycache__" not in path.parts
    )
    folder = BUNDLES / f"code-{target.python}-{_digest(sources)}"
    with _building(folder) as building:
        if building:
            for source in sources:
                copy = building / source.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy)
            _compile(building, target)
    return folder


def layer(target: Target) -> Path:
    """The folder with the dependencies under ``python/``; rebuilt when the lock file has changed.

    The local cloud runs functions on our own interpreter, where the dependencies are installed in
    the same versions. It unpacks the layer for each worker, so the local layer has one file, not
    3,400.
    """
    if target is LOCAL:
        return _note()
    folder = BUNDLES / f"layer-{target.python}-{target.machine}-{_digest([LOCK])}"
    with _building(folder) as building:
        if building:
            wheels = sorted(WHEELS.glob("*.whl"))
            if not wheels:
                raise FileNotFoundError(f"no wheels in {WHEELS}: run `make setup` first")
            for wheel in wheels:
                shutil.unpack_archive(wheel, building / "python", "zip")
            _compile(building, target)
    return folder


def _note() -> Path:
    folder = BUNDLES / "layer-local"
    (folder / "python").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(LOCK, folder / "python" / "dependencies.txt")
    return folder


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(ROOT)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _building(folder: Path) -> Iterator[Path | None]:
    """A temporary folder that is renamed to ``folder`` when it is complete; None when ``folder``
    exists already. When two processes build it at the same time, the first one to finish wins.
    """
    if folder.exists():
        yield None
        return
    BUNDLES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUNDLES, prefix="building-") as parent:
        building = Path(parent) / folder.name
        building.mkdir()
        yield building
        try:
            building.rename(folder)
        except OSError:
            if not folder.exists():
                raise


def _compile(folder: Path, target: Target) -> None:
    interpreter = sys.executable if target is LOCAL else shutil.which(f"python{target.python}")
    if interpreter and _runs(interpreter, target.python):
        subprocess.run(
            [interpreter, *COMPILE, "-s", str(folder), str(folder)],
            check=True,
        )


def _runs(interpreter: str, version: str) -> bool:
    printed = subprocess.run(
        [interpreter, "--version"], capture_output=True, text=True, check=False
    )
    return printed.stdout.startswith(f"Python {version}.")
