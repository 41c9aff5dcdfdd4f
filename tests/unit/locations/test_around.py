"""Which locations lie within a radius."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidRequest
from shared.locations.model import distance_km, parse_point, within_radius
from tests.support.places import place
from tests.support.profiles import examples

POINTS = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@examples(100)
@given(POINTS, st.lists(POINTS, max_size=12), st.floats(0, 20_038))
def test_it_is_every_location_within_the_radius_the_nearest_first(
    here: tuple[float, float], there: list[tuple[float, float]], radius: float
) -> None:
    places = [
        place(f"l{index}", latitude=latitude, longitude=longitude)
        for index, (latitude, longitude) in enumerate(there)
    ]
    expected = sorted(
        (km, at.location_id)
        for at in places
        if (km := distance_km(*here, at.latitude, at.longitude)) <= radius
    )
    assert [(km, at.location_id) for km, at in within_radius(places, here, radius)] == expected


def test_the_radius_is_inclusive() -> None:
    there = place(latitude=39.8, longitude=-104.8)
    km = distance_km(39.7, -104.9, 39.8, -104.8)
    assert within_radius([there], (39.7, -104.9), km) == [(km, there)]
    assert within_radius([there], (39.7, -104.9), km - 1e-9) == []


@pytest.mark.parametrize("near", [(), (1.0,), (91.0, 0.0), (0.0, 181.0), (float("nan"), 0.0)])
def test_what_is_no_point_is_refused(near: tuple[float, ...]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_point(near)
    assert refused.value.data["errors"][0]["path"] == "query.near"
