"""The local cloud: MiniStack as one process group in the background, on loopback only.

A cloud lives in a state folder: its process and port (cloud.json), its log, its temporary files.
Two folders are two clouds, so the tests run theirs beside a demo. Nothing is kept over a stop.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path(os.environ.get("NORAIN_FOLDER") or ROOT / ".norain").absolute()
REGION = "eu-central-1"
ACCOUNT = "000000000000"
USUAL_PORT = 4566
START_SECONDS = 60
TERM_SECONDS = 2
KILL_SECONDS = 20
BURIAL_SECONDS = 2
HEALTH = "/_ministack/health"
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")

_children: dict[int, subprocess.Popen[bytes]] = {}


class CloudFailed(Exception):
    """The local cloud cannot be started or reached; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """``pid`` leads the process group of the gateway and its function workers."""

    folder: Path
    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "cloud.log"

    def environment(self) -> dict[str, str]:
        """What an AWS tool needs to talk to this cloud and to no other."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def state(folder: Path = FOLDER) -> Cloud | None:
    """The cloud that runs in ``folder``, or None."""
    try:
        noted = json.loads((folder / "cloud.json").read_text())
        cloud = Cloud(folder=folder, pid=noted["pid"], port=noted["port"])
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return cloud if cloud.pid in _members(cloud) else None


def start(folder: Path = FOLDER, port: int | None = None) -> Cloud:
    """The cloud of ``folder``, started when it is not running.

    ``port``, else NORAIN_PORT, else 4566 or any free one.

    Raises CloudFailed with the end of the log when it does not come up.
    """
    with _alone(folder):
        if running := state(folder):
            return running
        _clear(folder)
        cloud = _launch(folder, port or _port())
        try:
            _await_health(cloud)
        except CloudFailed:
            _end(cloud)
            raise
        return cloud


def stop(folder: Path = FOLDER) -> bool:
    """End the cloud of ``folder`` with all its workers; False when there was none.

    Ends only processes of the group that we started and that carry this folder on their command
    line: a number used again by a stranger is left alone.
    """
    if not folder.exists():
        return False
    with _alone(folder):
        try:
            noted = json.loads((folder / "cloud.json").read_text())
        except (FileNotFoundError, ValueError):
            return False
        cloud = Cloud(folder=folder, pid=noted["pid"], port=noted["port"])
        was_running = bool(_members(cloud))
        _end(cloud)
        _clear(folder)
        return was_running


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear(folder: Path) -> None:
    for name in ("cloud.json", "local.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "tmp", ignore_errors=True)


def _port() -> int:
    if chosen := os.environ.get("NORAIN_PORT"):
        return int(chosen)
    return USUAL_PORT if _is_free(USUAL_PORT) else free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _launch(folder: Path, port: int) -> Cloud:
    if not _is_free(port):
        raise CloudFailed(f"port {port} is taken: set NORAIN_PORT to another one")
    temporary = folder / "tmp"
    temporary.mkdir()
    with (folder / "cloud.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *_mark(folder), "-m", "ministack"],
            cwd=folder,
            env=_process_environment(os.environ, temporary, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    cloud = Cloud(folder=folder, pid=process.pid, port=port)
    noted = {name: value for name, value in asdict(cloud).items() if name != "folder"}
    (folder / "cloud.json").write_text(json.dumps(noted) + "\n")
    return cloud


def _mark(folder: Path) -> tuple[str, str]:
    """An interpreter option without effect, by which the process is known to be ours."""
    return ("-X", f"norain={folder}")


def _process_environment(ours: Mapping[str, str], temporary: Path, port: int) -> dict[str, str]:
    """Little of our own environment: functions inherit it, and would see more than in the cloud.

    The temporary folder is in the workers' command lines, which makes them known as ours too.
    """
    return {
        **{name: ours[name] for name in KEPT_VARIABLES if name in ours},
        "TMPDIR": str(temporary),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "STATE_DIR": str(temporary / "state"),
        "S3_DATA_DIR": str(temporary / "s3"),
        "MINISTACK_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
    }


def _await_health(cloud: Cloud) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if cloud.pid not in _members(cloud):
            break
        with contextlib.suppress(OSError):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(cloud.url + HEALTH, timeout=2):
                return
        time.sleep(0.1)
    tail = "\n".join(cloud.log.read_text().splitlines()[-15:])
    raise CloudFailed(f"the local cloud did not come up; the end of {cloud.log}:\n{tail}")


def _end(cloud: Cloud) -> None:
    if not _members(cloud):
        return
    for sign, patience in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(cloud.pid, sign)
        deadline = time.monotonic() + patience
        while (left := _members(cloud)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not left:
            break
    else:
        raise CloudFailed(f"these processes do not end: {sorted(left)}")
    _reap(cloud.pid)
    _await_burial(cloud.pid)


def _reap(pid: int) -> None:
    """Take note of its end when we are the parent, so that it does not stay as a zombie."""
    if ours := _children.pop(pid, None):
        ours.wait(KILL_SECONDS)


def _await_burial(group: int) -> None:
    """Its orphans are taken note of by the system, and are gone from its list soon after."""
    deadline = time.monotonic() + BURIAL_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)


def _members(cloud: Cloud) -> set[int]:
    """The living processes of the cloud's group, known by the folder in their command lines."""
    found = _from_proc() if Path("/proc/self/stat").exists() else _from_ps()
    return {pid for pid, group, line in found if group == cloud.pid and str(cloud.folder) in line}


def _from_proc() -> Iterator[tuple[int, int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                status, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if status != "Z":
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                    yield int(entry.name), int(group), line.decode(errors="replace")


def _from_ps() -> Iterator[tuple[int, int, str]]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid=,stat=,command="], capture_output=True, text=True, check=True
    )
    for row in listed.stdout.splitlines():
        pid, group, status, line = row.split(maxsplit=3)
        if not status.startswith("Z"):
            yield int(pid), int(group), line
