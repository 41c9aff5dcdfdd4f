"""`norain demo`"""

from infra.cli.output import Mode, err, out, show


def demo() -> None:
    """Start, deploy, seed a retailer from real sales, and tell the story of a sold-out item.

    \b
    norain demo
    """
    from infra.local.demo import run  # noqa: PLC0415  (slow to import, and only needed here)

    summary = run(err if Mode.as_json else out)
    if Mode.as_json:
        show(summary)
