"""Every law after every step of random interleavings: a sample of the long run of `make laws`."""

import pytest

from tests.support.laws.machine import Machine, run

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]


def test_no_interleaving_breaks_a_law() -> None:
    taken = run(at_least=480)
    print(f"{taken} steps: {dict(Machine.outcomes)}")
    assert taken >= 480
    assert Machine.outcomes["done"]
    assert sum(Machine.outcomes[name] for name in ("OutOfStock", "Conflict", "HoldClosed"))
    assert Machine.outcomes["stranger refused"]
