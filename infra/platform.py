"""The platform of a deployment: AWS, or the local cloud with ``-c local=true``.

The stacks are the same on both; what differs is here.
"""

from dataclasses import dataclass, field

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra import bundle


@dataclass
class Platform:
    """``stage`` names the deployment; only ``dev`` and ``test`` delete data with their stacks.

    ``customer_feed_sources`` are the sources that the customer feed may send records of
    (shared/web/auth.py). ``alerts_email`` receives the alarms. ``requests_per_second`` and
    ``burst`` limit the HTTP API; 0 means the default of the stage. ``carrier`` is the provider of
    labels: local, easypost or shippo (shared/carriers).
    """

    stage: str
    local: bool
    customer_feed_sources: str = "all:trusted"
    alerts_email: str | None = None
    requests_per_second: int = 0
    burst: int = 0
    carrier: str = "local"
    _layers: dict[str, lambda_.LayerVersion] = field(default_factory=dict)

    @property
    def target(self) -> bundle.Target:
        return bundle.LOCAL if self.local else bundle.CLOUD

    @property
    def runtime(self) -> lambda_.Runtime:
        """Python 3.13 on AWS; the Python that runs the local cloud on the local cloud."""
        name = f"PYTHON_{self.target.python.replace('.', '_')}"
        runtime: lambda_.Runtime = getattr(lambda_.Runtime, name)
        return runtime

    @property
    def architecture(self) -> lambda_.Architecture:
        arm = self.target.machine == "arm64"
        return lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64

    @property
    def snap_start(self) -> lambda_.SnapStartConf | None:
        return None if self.local else lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS

    @property
    def disposable(self) -> bool:
        return self.stage in {"dev", "test"}

    @property
    def removal_policy(self) -> RemovalPolicy:
        return RemovalPolicy.DESTROY if self.disposable else RemovalPolicy.RETAIN

    @property
    def log_retention(self) -> logs.RetentionDays:
        return logs.RetentionDays.ONE_WEEK if self.disposable else logs.RetentionDays.THREE_MONTHS

    def code(self) -> lambda_.Code:
        """Our own packages: one asset, shared by the functions of all stacks."""
        return lambda_.Code.from_asset(str(bundle.code(self.target)))

    def layer(self, scope: Construct) -> lambda_.LayerVersion:
        """The dependencies: one layer version in each stack that has functions."""
        stack = Stack.of(scope)
        if stack.node.addr not in self._layers:
            self._layers[stack.node.addr] = lambda_.LayerVersion(
                stack,
                "Dependencies",
                code=lambda_.Code.from_asset(str(bundle.layer(self.target))),
                compatible_runtimes=[self.runtime],
                description="infra/locks/lambda.txt",
            )
        return self._layers[stack.node.addr]
