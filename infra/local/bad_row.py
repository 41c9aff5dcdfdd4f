"""A wrong row of a file, which is reported and not sent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BadRow:
    """``line`` counts from 1 and includes the header."""

    line: int
    reason: str
