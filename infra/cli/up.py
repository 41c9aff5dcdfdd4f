"""`norain up`"""

from infra.cli.output import show
from infra.local import cloud, deploy, target
from infra.local.steps import Steps


def up() -> None:
    """Start the local cloud and deploy the stacks, without any data.

    Does nothing when the cloud runs and is up to date. NORAIN_PORT sets the port (4566).

    \b
    norain up
    """
    deployed = deploy.up(steps=Steps())
    show(
        {
            "api_url": deployed.api_url,
            "endpoint_url": deployed.endpoint_url,
            "digest": deployed.digest,
        },
        f"API        {deployed.api_url}",
        f"AWS        {deployed.endpoint_url}  (region {deployed.region})",
        f"addresses  {cloud.FOLDER / target.NAME}",
    )
