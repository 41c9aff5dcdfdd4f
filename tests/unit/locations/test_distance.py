"""Distances against geographiclib, which solves the same problem by other means (Karney 2013)."""

from geographiclib.geodesic import Geodesic
from hypothesis import given
from hypothesis import strategies as st

from shared.locations.model import HALF_MERIDIAN_KM, distance_km
from tests.support.profiles import examples

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
points = st.tuples(latitudes, longitudes)


def oracle(a: tuple[float, float], b: tuple[float, float]) -> float:
    metres: float = Geodesic.WGS84.Inverse(*a, *b)["s12"]
    return metres / 1000


@examples(400)
@given(points, points)
def test_it_is_the_geodesic_within_a_millimetre_unless_nearly_antipodal(
    a: tuple[float, float], b: tuple[float, float]
) -> None:
    exact = oracle(a, b)
    allowed = 1e-6 if exact < 19_800 else 0.005 * exact
    assert abs(distance_km(*a, *b) - exact) <= allowed


@examples(200)
@given(latitudes, longitudes, st.floats(-1, 1), st.floats(-1, 1))
def test_near_the_antipode_it_is_within_half_a_percent(
    latitude: float, longitude: float, north: float, east: float
) -> None:
    there = max(-90.0, min(90.0, -latitude + north)), longitude + 180 + east
    exact = oracle((latitude, longitude), there)
    found = distance_km(latitude, longitude, *there)
    assert abs(found - exact) <= 0.005 * exact
    assert found <= HALF_MERIDIAN_KM + 1e-6


@examples(100)
@given(points, points)
def test_it_is_the_same_both_ways(a: tuple[float, float], b: tuple[float, float]) -> None:
    there, back = distance_km(*a, *b), distance_km(*b, *a)
    assert abs(there - back) <= 1e-6


def test_a_step_over_the_180th_meridian_is_a_short_one() -> None:
    assert abs(distance_km(-17, 179.9, -17, -179.9) - oracle((-17, 179.9), (-17, -179.9))) < 1e-6
    assert distance_km(-17, 179.9, -17, -179.9) < 22


def test_no_way_is_no_distance() -> None:
    assert distance_km(39.7, -104.9, 39.7, -104.9) == 0
    assert distance_km(90, 0, 90, 77) < 1e-6
    assert distance_km(0, 180, 0, -180) == 0


def test_antipodes_on_the_equator_are_half_a_meridian_apart() -> None:
    assert abs(distance_km(0, 0, 0, 180) - 20003.931) < 0.001
