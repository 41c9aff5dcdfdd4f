"""Links between the documents lead to files that are there."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = (".github", "events", "functions", "infra", "shared", "tests")
FOREIGN = {"bundles", "cdk.out", "node_modules", "wheels"}
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def documents() -> Iterator[Path]:
    yield from ROOT.glob("*.md")
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.md"):
            if FOREIGN.isdisjoint(path.relative_to(ROOT).parts):
                yield path


def test_every_link_leads_to_a_file() -> None:
    links = [(path, link) for path in documents() for link in LINK.findall(path.read_text())]
    dead = [
        f"{path.relative_to(ROOT)}: {link}"
        for path, link in links
        if not (path.parent / link).exists()
    ]
    assert len(links) > 20
    assert dead == []
