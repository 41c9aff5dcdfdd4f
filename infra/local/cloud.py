"""The local cloud: MiniStack in one background process group, listening on loopback only.

A cloud has a state folder with its process id and port (cloud.json), its log and its temporary
files. Each folder is a cloud of its own, so the tests run theirs beside a demo. Stopping a cloud
deletes its data.
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
DEFAULT_PORT = 4566
PROGRAM = Path(__file__).with_name("emulator.py")
START_SECONDS = 60
TERM_SECONDS = 2
KILL_SECONDS = 20
ORPHAN_SECONDS = 2
HEALTH = "/_ministack/health"
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")

_children: dict[int, subprocess.Popen[bytes]] = {}


class CloudFailed(Exception):
    """A command on the local cloud failed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """A started cloud; ``pid`` is the leader of the process group of MiniStack and its workers."""

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
        """Environment variables that make an AWS tool talk to this cloud, and to no other."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def state(folder: Path = FOLDER) -> Cloud | None:
    """The running cloud of ``folder``, or None."""
    try:
        saved = json.loads((folder / "cloud.json").read_text())
        cloud = Cloud(folder=folder, pid=saved["pid"], port=saved["port"])
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return cloud if cloud.pid in _members(cloud) else None


def start(folder: Path = FOLDER, port: int | None = None) -> Cloud:
    """The cloud of ``folder``, started when it is not running.

    The port is ``port``, else NORAIN_PORT, else 4566 or a free one. Raises CloudFailed with the end
    of the log when the cloud does not start.
    """
    with _locked(folder):
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
    """Stop the cloud of ``folder`` with all its workers; False when none was running.

    Only processes of the group that we started and that have this folder on their command line are
    ended, so a process that the system gave the same id later is left alone.
    """
    if not folder.exists():
        return False
    with _locked(folder):
        try:
            saved = json.loads((folder / "cloud.json").read_text())
        except (FileNotFoundError, ValueError):
            return False
        cloud = Cloud(folder=folder, pid=saved["pid"], port=saved["port"])
        was_running = bool(_members(cloud))
        _end(cloud)
        _clear(folder)
        return was_running


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time starts or stops the cloud of ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear(folder: Path) -> None:
    for name in ("cloud.json", "local.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "tmp", ignore_errors=True)


def workers(ours: Mapping[str, str] = os.environ) -> int:
    """The most processes of one function: NORAIN_WORKERS, else two for each core, which keeps the
    cores busy while some of them wait for an answer. 0 means any number.

    Raises CloudFailed for anything but a whole number."""
    chosen = ours.get("NORAIN_WORKERS") or str(2 * (os.cpu_count() or 1))
    if not chosen.isdecimal():
        raise CloudFailed(f"NORAIN_WORKERS is {chosen!r}: set a whole number, 0 for no bound")
    return int(chosen)


def _port() -> int:
    if chosen := os.environ.get("NORAIN_PORT"):
        return int(chosen)
    return DEFAULT_PORT if _is_free(DEFAULT_PORT) else free_port()


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
        raise CloudFailed(f"port {port} is in use: set NORAIN_PORT to a free port")
    temporary = folder / "tmp"
    temporary.mkdir()
    with (folder / "cloud.log").open("w") as log:
        process = subprocess.Popen(
            # -P: the modules beside the program are not MiniStack's.
            [sys.executable, *_mark(folder), "-P", str(PROGRAM)],
            cwd=folder,
            env=_process_environment(os.environ, temporary, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    cloud = Cloud(folder=folder, pid=process.pid, port=port)
    saved = {name: value for name, value in asdict(cloud).items() if name != "folder"}
    (folder / "cloud.json").write_text(json.dumps(saved) + "\n")
    return cloud


def _mark(folder: Path) -> tuple[str, str]:
    """An interpreter option without effect, which marks the process as ours in process lists."""
    return ("-X", f"norain={folder}")


def _process_environment(ours: Mapping[str, str], temporary: Path, port: int) -> dict[str, str]:
    """Few of our own variables: functions inherit them, and must not see more than on AWS.

    The temporary folder is part of the workers' command lines, which marks them as ours, too.
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
        "NORAIN_WORKERS": str(workers(ours)),
    }


def _await_health(cloud: Cloud) -> None:
    deadline = time.monotonic() + START_SECONDS
    # Not by the list of processes: a process that has just started has no command line yet.
    while time.monotonic() < deadline and _children[cloud.pid].poll() is None:
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
        while (remaining := _members(cloud)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not remaining:
            break
    else:
        raise CloudFailed(f"these processes do not end: {sorted(remaining)}")
    _reap(cloud.pid)
    _await_orphans(cloud.pid)


def _reap(pid: int) -> None:
    """Collect the exit status when we are the parent, so that no zombie remains."""
    if process := _children.pop(pid, None):
        process.wait(KILL_SECONDS)


def _await_orphans(group: int) -> None:
    """Wait until the system has collected the orphans of the process group."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)


def _members(cloud: Cloud) -> set[int]:
    """Living processes of the cloud's group that have its folder on their command lines."""
    processes = _from_proc() if Path("/proc/self/stat").exists() else _from_ps()
    folder = str(cloud.folder)
    return {pid for pid, group, line in processes if group == cloud.pid and folder in line}


def _from_proc() -> Iterator[tuple[int, int, str]]:
    """Process id, process group and command line of each living process (Linux)."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                status, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if status != "Z":
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                    yield int(entry.name), int(group), line.decode(errors="replace")


def _from_ps() -> Iterator[tuple[int, int, str]]:
    """The same from ps, for systems without /proc."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid=,stat=,command="], capture_output=True, text=True, check=True
    )
    for row in listed.stdout.splitlines():
        pid, group, status, line = row.split(maxsplit=3)
        if not status.startswith("Z"):
            yield int(pid), int(group), line
