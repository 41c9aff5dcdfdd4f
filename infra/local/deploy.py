"""Deploys the local cloud: starts it, runs the CDK CLI on it, and writes local.json.

The stacks are those that `cdk deploy` deploys to AWS. The assembly is cached under a digest of its
sources, so nothing is synthesized or deployed again without a change.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.bundle import BUNDLES
from infra.local import cloud, target
from infra.local.cloud import ACCOUNT, FOLDER, REGION, ROOT, Cloud, CloudFailed
from infra.local.steps import Steps
from infra.local.target import Client, Target
from infra.local.warm import warm

STAGE = "dev"
CDK = ROOT / "infra" / "node_modules" / ".bin" / "cdk"
QUIET = ("--no-notices", "--no-version-reporting", "--no-color")
BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
SOURCES = (
    "functions/**/*",
    "shared/**/*",
    "infra/*.py",
    "infra/stacks/*.py",
    "infra/cdk.json",
    "infra/package-lock.json",
    "infra/locks/*.txt",
)
KEPT_ASSEMBLIES = 3


def up(folder: Path = FOLDER, port: int | None = None, steps: Steps | None = None) -> Target:
    """Make sure that a cloud runs in ``folder`` with the current sources deployed; its addresses.

    Raises CloudFailed with the output of the tool that failed.
    """
    steps = steps or Steps()
    wanted = digest()
    running = cloud.state(folder)
    if running is not None and (deployed := _deployed(folder)) and deployed.digest == wanted:
        steps.console.print(f"the local cloud runs at {running.url} and is up to date")
        return deployed
    with ThreadPoolExecutor(1) as pool, steps:
        synthesis = pool.submit(assembly, wanted, steps)
        with steps.step("start the local cloud"):
            running = cloud.start(folder, port)
        (folder / target.NAME).unlink(missing_ok=True)
        if not _is_bootstrapped(running):
            with steps.step("bootstrap it for CDK"):
                _cdk(["bootstrap", f"aws://{ACCOUNT}/{REGION}"], running)
        outputs = _deploy(synthesis.result(), running, steps)
        addresses = _target(running, outputs, wanted)
        if cloud.workers():
            with steps.step("start the functions of the API"):
                warm(addresses)
        addresses.save(folder)
        return addresses


def _deployed(folder: Path) -> Target | None:
    try:
        return target.load(folder)
    except (CloudFailed, TypeError, ValueError, KeyError):
        return None


def digest() -> str:
    """A digest of everything that the deployed stacks are made from."""
    sources = hashlib.sha256(f"{sys.version_info[:2]} {platform.machine()} {STAGE}".encode())
    for path in _sources():
        sources.update(f"\n{path.relative_to(ROOT)}\n".encode())
        sources.update(path.read_bytes())
    return sources.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def assembly(name: str, steps: Steps) -> Path:
    """The synthesized stacks of the digest ``name``; made when they are not in the cache."""
    folder = BUNDLES / f"assembly-{name}"
    if folder.exists():
        os.utime(folder)
        return folder
    building = BUNDLES / f"{folder.name}.{uuid.uuid4().hex[:8]}.building"
    with steps.step("synthesize the stacks (cdk synth)"):
        app = f"cd .. && {sys.executable} -m infra.app"
        context = ("-c", "local=true", "-c", f"stage={STAGE}")
        try:
            _cdk(["synth", "--quiet", "--app", app, "--output", str(building), *context])
            try:
                building.rename(folder)
            except OSError:  # another process has made the same assembly
                if not folder.exists():
                    raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
        _delete_old()
    return folder


def _delete_old() -> None:
    assemblies = sorted(BUNDLES.glob("assembly-*"), key=lambda path: path.stat().st_mtime)
    for folder in assemblies[:-KEPT_ASSEMBLIES]:
        shutil.rmtree(folder, ignore_errors=True)


def _is_bootstrapped(running: Cloud) -> bool:
    ssm = target.aws("ssm", running.url, REGION)
    return bool(ssm.get_parameters(Names=[BOOTSTRAP_VERSION])["Parameters"])


def _deploy(made: Path, running: Cloud, steps: Steps) -> Mapping[str, str]:
    """Deploy every stack of the assembly; the outputs of the stacks by name."""
    written = running.folder / "tmp" / "outputs.json"
    stacks = len(list(made.glob("*.template.json")))
    with steps.step("deploy the stacks (cdk deploy)", total=stacks) as step:

        def watch(line: str) -> None:
            if "✅" in line:
                step.advance()
            elif " | " in line:
                step.note(line.rsplit(" | ", 1)[-1].strip())

        source = ("--all", "--app", str(made), "--outputs-file", str(written))
        options = ("--require-approval", "never", "--concurrency", "4", "--progress", "events")
        _cdk(["deploy", *source, *options], running, watch)
    by_stack: dict[str, dict[str, str]] = json.loads(written.read_text())
    return {name: value for outputs in by_stack.values() for name, value in outputs.items()}


def _cdk(
    arguments: Sequence[str],
    running: Cloud | None = None,
    watch: Callable[[str], None] = lambda line: None,
) -> None:
    """Run the CDK CLI against the local cloud, or without any cloud when ``running`` is None.

    With a cloud it runs outside infra/: without a cdk.json there, it synthesizes no app first.
    Raises CloudFailed with the last lines of its output.
    """
    if not CDK.exists():
        raise CloudFailed("the CDK CLI is not installed: run `make setup`")
    with subprocess.Popen(
        [str(CDK), *arguments, *QUIET],
        cwd=running.folder if running else ROOT / "infra",
        env=_cdk_environment(running),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        output = deque[str](maxlen=40)
        for line in process.stdout:
            output.append(line)
            watch(line)
    if process.returncode:
        raise CloudFailed(f"`cdk {arguments[0]}` failed:\n{''.join(output)}")


def _cdk_environment(running: Cloud | None) -> dict[str, str]:
    """Our environment without the variables that lead to a real AWS account or to a proxy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.upper().endswith("_PROXY")
    }
    return {
        **kept,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CI": "1",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        **(running.environment() if running else {}),
    }


def _target(running: Cloud, outputs: Mapping[str, str], name: str) -> Target:
    pool = outputs["UserPoolId"]
    cognito: Any = target.aws("cognito-idp", running.url, REGION)
    clients = {}
    for output, client_id in outputs.items():
        if output.startswith("Client") and output.endswith("Id"):
            described = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client_id)
            clients[output.removeprefix("Client").removesuffix("Id").lower()] = Client(
                client_id, described["UserPoolClient"]["ClientSecret"]
            )
    host = f"{outputs['ApiId']}.execute-api.localhost:{running.port}"
    return Target(
        api_url=f"http://{host}",
        api_host=host,
        endpoint_url=running.url,
        region=REGION,
        stage=STAGE,
        stock_feed_queue_url=outputs["StockFeedQueueUrl"],
        stock_feed_dlq_url=outputs["StockFeedDlqUrl"],
        stock_bulk_queue_url=outputs["StockBulkQueueUrl"],
        stock_bulk_dlq_url=outputs["StockBulkDlqUrl"],
        feed_bucket=outputs["FeedBucketName"],
        token_url=f"{running.url}/oauth2/token",
        user_pool_id=pool,
        clients=clients,
        tables={
            output.removeprefix("Table").lower(): table
            for output, table in outputs.items()
            if output.startswith("Table")
        },
        digest=name,
        audit_function=outputs["StockAudit"],
        loyalty_sweep_function=outputs["LoyaltySweep"],
        rebuild_function=outputs["AvailabilityRebuild"],
        index_orders_function=outputs["OrdersIndex"],
        customer_feed_queue_url=outputs["CustomerFeedQueueUrl"],
        customer_feed_dlq_url=outputs["CustomerFeedDlqUrl"],
        export_function=outputs["AvailabilityExport"],
    )
