"""Arguments and options that several commands have, and how they are read."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.local.cloud import CloudFailed

STANDARD_INPUT = "-"

InputFile = Annotated[
    str, typer.Argument(metavar="FILE", help="path of a file, or - for standard input")
]
ClientName = Annotated[
    str,
    typer.Option("--client", "-c", help="OAuth client to act as: web, pos, marketplace, ..."),
]


def existing(file: str) -> Path:
    """Raises CloudFailed when there is no such file."""
    path = Path(file)
    if not path.is_file():
        raise CloudFailed(f"there is no file {file}")
    return path


def text_of(file: str) -> str:
    """The text of a file, or of standard input. Raises CloudFailed when there is no such file."""
    return sys.stdin.read() if file == STANDARD_INPUT else existing(file).read_text()
