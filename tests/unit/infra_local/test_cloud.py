"""Only what is ours is ended: these tests start small processes and no cloud."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import cloud
from infra.local.cloud import CloudFailed

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def sleeper() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def _noted(folder: Path, pid: int) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "cloud.json").write_text(json.dumps({"pid": pid, "port": 1}))


def test_nothing_runs_in_an_empty_folder(tmp_path: Path) -> None:
    assert cloud.state(tmp_path) is None
    assert cloud.stop(tmp_path) is False
    assert cloud.stop(tmp_path / "none") is False


def test_a_stranger_with_our_number_is_left_alone(
    tmp_path: Path, sleeper: list[subprocess.Popen[bytes]]
) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    sleeper.append(stranger)
    _noted(tmp_path, stranger.pid)
    assert cloud.state(tmp_path) is None
    assert cloud.stop(tmp_path) is False
    assert stranger.poll() is None


def test_the_whole_group_ends_even_when_its_leader_is_gone_and_its_workers_do_not_listen(
    tmp_path: Path,
) -> None:
    worker = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    worker += "print(flush=True); time.sleep(60)"
    leader = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-c', {worker!r}, {str(tmp_path)!r}],"
        " stdout=subprocess.PIPE)\n"
        "p.stdout.readline(); print(p.pid, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", leader, str(tmp_path)],
        start_new_session=True,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        left = int(process.stdout.readline())
    _noted(tmp_path, process.pid)
    assert cloud.state(tmp_path) is None
    assert os.getpgid(left) == process.pid
    assert cloud.stop(tmp_path) is True
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, signal.SIGCONT)
    assert not (tmp_path / "cloud.json").exists()


def test_a_taken_port_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("NORAIN_PORT", str(taken.getsockname()[1]))
        with pytest.raises(CloudFailed, match="is in use"):
            cloud.start(tmp_path)
    assert cloud.state(tmp_path) is None


def test_functions_do_not_inherit_our_environment(tmp_path: Path) -> None:
    ours = {"PATH": "/bin", "AWS_PROFILE": "prod", "HTTPS_PROXY": "x", "AWS_CA_BUNDLE": "y"}
    given = cloud._process_environment(ours, tmp_path, 4566)
    assert given["PATH"] == "/bin"
    assert not {"AWS_PROFILE", "HTTPS_PROXY", "AWS_CA_BUNDLE"} & given.keys()
    assert (given["BIND_HOST"], given["IOT_MTLS_ENABLED"]) == ("127.0.0.1", "0")
    assert int(given["NORAIN_WORKERS"]) == cloud.workers({}) > 0
    chosen = cloud._process_environment({"NORAIN_WORKERS": "0"}, tmp_path, 4566)
    assert chosen["NORAIN_WORKERS"] == "0"
    with pytest.raises(CloudFailed, match="NORAIN_WORKERS is 'many'"):
        cloud.workers({"NORAIN_WORKERS": "many"})
