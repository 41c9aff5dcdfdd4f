"""What becomes of a file of GeoNames, and of the ZIP codes of the United States."""

from infra.local.bad_row import BadRow
from infra.local.postal import Code, of_geonames, of_the_us

FILE = (
    'DE\t80331\tMünchen "Altstadt"\tBayern\tBY\t\t\t\t\t48.14\t11.57\t4\n'
    "DE\t80331\tMünchen Zentrum\tBayern\tBY\t\t\t\t\t48.12\t11.59\t4\n"
    "GB\tSW1A 1AA\tLondon\tEngland\tENG\t\t\t\t\t51.501\t-0.142\t6\n"
    "DE\t99999\tNowhere\tBayern\tBY\t\t\t\t\tnorth\t11.57\t4\n"
    "postal codes of Germany\n"
    "Germany\t1\tx\tx\tx\t\t\t\t\t1\t1\t4\n"
)


def test_a_code_of_several_places_lies_in_the_middle_of_them() -> None:
    codes, bad = of_geonames(FILE.splitlines(keepends=True))
    assert [code.postal_code for code in codes] == ["80331", "SW1A 1AA"]
    assert (round(codes[0].latitude, 4), round(codes[0].longitude, 4)) == (48.13, 11.58)
    assert codes[1] == Code("GB", "SW1A 1AA", 51.501, -0.142)
    assert [one.line for one in bad] == [4, 5, 6]
    assert bad[0].reason.startswith("latitude: ")
    assert bad[1] == BadRow(5, "fewer than 11 fields")


def test_the_zip_codes_of_the_us_come_with_their_places() -> None:
    codes = {code.postal_code: code for code in of_the_us()}
    assert len(codes) > 40_000
    assert 37 < codes["94105"].latitude < 38
