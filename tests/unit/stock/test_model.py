"""Effects summed per position."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shared.stock.model.limits import NO_LIMIT, Limit
from shared.stock.model.position import Effect, HoldLine, hold_effects, release_effects, sum_effects
from tests.support.profiles import examples

effects = st.builds(
    Effect,
    st.sampled_from("AB"),
    st.sampled_from("12"),
    st.integers(-3, 3),
    st.integers(-3, 3),
    st.none() | st.integers(0, 3),
    st.integers(-1, 1),
)


@examples(200)
@given(st.lists(effects, max_size=8))
def test_the_sum_touches_each_position_once_and_loses_nothing(many: list[Effect]) -> None:
    whole = sum_effects(many)
    places = [(effect.sku, effect.location_id) for effect in whole]
    assert places == sorted(set(places))
    for name in ("on_hand", "reserved", "damaged"):
        before: Counter[tuple[str, str]] = Counter()
        after: Counter[tuple[str, str]] = Counter()
        for effect in many:
            before[effect.sku, effect.location_id] += getattr(effect, name)
        for effect in whole:
            after[effect.sku, effect.location_id] += getattr(effect, name)
        assert {k: v for k, v in before.items() if v} == {k: v for k, v in after.items() if v}
    for effect in whole:
        floors = [
            one.floor
            for one in many
            if (one.sku, one.location_id) == (effect.sku, effect.location_id)
            and one.floor is not None
        ]
        assert effect.floor == max(floors, default=None)


def test_what_a_hold_takes_it_gives_back() -> None:
    lines = [HoldLine("A", "1", 2), HoldLine("A", "1", 1), HoldLine("B", "2", 1)]
    limits = {("A", "1"): NO_LIMIT, ("B", "2"): Limit(2, counters=("taken:web",))}
    counted = [*lines[:2], HoldLine("B", "2", 1, ("taken:web",))]
    assert sum_effects([*hold_effects(lines, limits), *release_effects(counted)]) == []
    assert [effect.reserved for effect in hold_effects(lines, limits)] == [3, 1]
