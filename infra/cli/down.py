"""`norain down`"""

from infra.cli.output import show
from infra.local import cloud


def down() -> None:
    """Stop the local cloud and delete all of its data.

    \b
    norain down
    """
    stopped = cloud.stop()
    show({"stopped": stopped}, "stopped" if stopped else "the local cloud is not running")
