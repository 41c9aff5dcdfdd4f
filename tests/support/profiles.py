"""How many examples a property test tries: the profile that NORAIN_TEST_PROFILE names.

``fast``      a tenth of the number that stands in the test, for `make fast`
``full``      half of it, for `make test` (the profile when none is named)
``thorough``  ten times as many, for `make laws`

The profile changes this number and nothing else.
"""

import os
from typing import Any

from hypothesis import settings

VARIABLE = "NORAIN_TEST_PROFILE"
FACTORS = {"fast": 0.1, "full": 0.5, "thorough": 10.0}
FEWEST = 10
"""Examples that every profile tries."""
DEFAULT = 100
"""Examples of a property test that names no number."""


def profile() -> str:
    """The name of the profile.

    Raises ValueError when the variable names another.
    """
    name = os.environ.get(VARIABLE, "full")
    if name not in FACTORS:
        raise ValueError(f"{VARIABLE} is {name!r}; it must be one of: {', '.join(FACTORS)}")
    return name


def scaled(number: int) -> int:
    """``number``, the examples that stand in the test, as the profile has it."""
    return max(FEWEST, round(number * FACTORS[profile()]))


def examples(number: int, **more: Any) -> settings:
    """Settings of a property test with ``number`` examples, as the profile has it."""
    return settings(deadline=None, max_examples=scaled(number), **more)


def load() -> None:
    """The profile is that of all property tests, also of those that name no number."""
    settings.register_profile("norain", deadline=None, max_examples=scaled(DEFAULT))
    settings.load_profile("norain")
