"""Settings that the stacks give a function through its environment, read on first use."""

import os
from functools import cache


@cache
def setting(name: str) -> str:
    """The environment variable ``NORAIN_<NAME>``.

    Raises KeyError when the stack did not set it, which is a defect of infra: there is no default.
    """
    return os.environ[f"NORAIN_{name.upper()}"]


def table_name(name: str) -> str:
    """The deployed name of a table of shared/schema.py."""
    return setting(f"table_{name}")
