"""What the stacks tell a function through its environment, read when first used."""

import os
from functools import cache


@cache
def setting(name: str) -> str:
    """The environment variable ``NORAIN_<NAME>``.

    Raises KeyError when the stack did not set it: a mistake in infra, never a default.
    """
    return os.environ[f"NORAIN_{name.upper()}"]


def table_name(name: str) -> str:
    """The deployed name of a table of shared/schema.py."""
    return setting(f"table_{name}")
