"""Splink 5 on the same records: Fellegi-Sunter with weights by EM, in batch, on DuckDB.

Its comparisons and blocking rules follow its own examples for these data; what people type to get
on and the shop's own devices are removed for it. Clusters are connected components.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from shared.customers.model.normalize import is_placeholder
from shared.customers.model.person import SourceRecord
from shared.customers.model.score import split_house_number


@dataclass(frozen=True, slots=True)
class Answer:
    """Pairs with their probability, and the seconds that training and prediction took."""

    pairs: Sequence[tuple[str, str, float]]
    seconds: float

    def clusters(self, records: Iterable[SourceRecord], least: float) -> list[list[str]]:
        parent = {record.source_id: record.source_id for record in records}

        def root(name: str) -> str:
            while parent[name] != name:
                parent[name] = name = parent[parent[name]]
            return name

        for one, other, probability in self.pairs:
            if probability >= least:
                parent[root(one)] = root(other)
        found: dict[str, list[str]] = {}
        for name in parent:
            found.setdefault(root(name), []).append(name)
        return list(found.values())


def importable() -> bool:
    return all(find_spec(name) is not None for name in ("splink", "duckdb", "pandas"))


def _columns(record: SourceRecord) -> dict[str, str | None]:
    number, street = split_house_number(record.address.line1)
    found = {
        "unique_id": record.source_id,
        "given": record.text("given_name"),
        "surname": record.text("family_name"),
        "dob": record.text("birth_date").replace("-", ""),
        "number": number,
        "street": street,
        "postcode": record.address.postal_code,
        "state": record.address.region,
        **{name: value for name, value in record.identifiers.items() if not is_placeholder(value)},
    }
    if found.get("device_id", "").startswith("kiosk"):
        found["device_id"] = ""
    names = ("email", "phone", "loyalty_id", "device_id", "payment_token")
    return {name: value or None for name, value in {**dict.fromkeys(names, ""), **found}.items()}


def register(records: Sequence[SourceRecord]) -> Answer:
    block_on: Any = import_module("splink").block_on
    cl: Any = import_module("splink.comparison_library")
    return _linked(
        records,
        comparisons=[
            *_names_and_birth(cl),
            cl.ExactMatch("number").configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(
                term_frequency_adjustments=True
            ),
            cl.JaroWinklerAtThresholds("street", [0.9, 0.75]),
        ],
        blocking=[
            block_on("given", "surname"),
            "l.given = r.surname and l.surname = r.given",
            block_on("dob"),
            block_on("state", "street"),
            block_on("number", "street"),
            block_on("postcode"),
        ],
        sure=[
            block_on("given", "surname", "dob"),
            "l.given = r.surname and l.surname = r.given and l.dob = r.dob",
        ],
        recall=0.6,
        train=[block_on("dob"), block_on("postcode")],
    )


def shop(records: Sequence[SourceRecord]) -> Answer:
    block_on: Any = import_module("splink").block_on
    cl: Any = import_module("splink.comparison_library")
    names = ("email", "phone", "loyalty_id", "payment_token", "device_id")
    return _linked(
        records,
        comparisons=[
            *_names_and_birth(cl),
            *(
                cl.DamerauLevenshteinAtThresholds(name, [1]).configure(
                    term_frequency_adjustments=True
                )
                for name in ("email", "phone")
            ),
            cl.ExactMatch("loyalty_id"),
            cl.ExactMatch("payment_token"),
            cl.ExactMatch("device_id").configure(term_frequency_adjustments=True),
            cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("street", [0.9]),
        ],
        blocking=[
            *(block_on(name) for name in names),
            block_on("surname", "postcode"),
            block_on("surname", "dob"),
            block_on("given", "postcode"),
            block_on("given", "surname"),
        ],
        sure=[
            block_on("loyalty_id"),
            block_on("payment_token"),
            block_on("given", "surname", "email"),
        ],
        recall=0.5,
        train=[block_on("given", "surname"), block_on("email"), block_on("phone")],
    )


def _names_and_birth(cl: Any) -> list[Any]:
    return [
        cl.NameComparison("given").configure(term_frequency_adjustments=True),
        cl.NameComparison("surname").configure(term_frequency_adjustments=True),
        cl.DateOfBirthComparison(
            "dob",
            input_is_string=True,
            datetime_format="%Y%m%d",
            invalid_dates_as_null=True,
        ),
    ]


def _linked(
    records: Sequence[SourceRecord],
    *,
    comparisons: Sequence[Any],
    blocking: Sequence[Any],
    sure: Sequence[Any],
    recall: float,
    train: Sequence[Any],
) -> Answer:
    duckdb: Any = import_module("duckdb")
    splink: Any = import_module("splink")
    logging.getLogger("splink").setLevel(logging.ERROR)
    frame = import_module("pandas").DataFrame([_columns(record) for record in records])
    started = time.perf_counter()
    connection = duckdb.connect()
    connection.execute("set threads=2")
    database = splink.DuckDBAPI(connection=connection)
    linker = splink.Linker(
        database.register(frame),
        splink.SettingsCreator(
            unique_id_column_name="unique_id",
            blocking_rules_to_generate_predictions=list(blocking),
            comparisons=list(comparisons),
            link_type="dedupe_only",
        ),
        set_up_basic_logging=False,
    )
    training: Any = linker.training
    training.estimate_probability_two_random_records_match(list(sure), recall=recall)
    training.estimate_u_using_random_sampling(max_pairs=1e6, seed=2)
    for rule in train:
        training.estimate_parameters_using_expectation_maximisation(rule)
    predicted = linker.inference.predict(threshold_match_probability=0.01)
    rows: Mapping[str, Any] = predicted.as_duckdbpyrelation().df()
    pairs = list(
        zip(rows["unique_id_l"], rows["unique_id_r"], rows["match_probability"], strict=True)
    )
    return Answer(pairs, time.perf_counter() - started)
