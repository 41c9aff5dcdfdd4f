"""The history of KPIs: written from the stream, kept once, and the same as what is live, to the
cent. DuckDB carries out the queries that Athena does when deployed."""

import gzip
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest

from functions.kpis import keep_history, write_history
from shared.aws.clients import client
from shared.aws.items import to_item
from shared.kpis.model.figures import FIGURES
from shared.kpis.model.kpis import KPIS, value_of
from shared.kpis.reading import groups
from shared.orders import model
from shared.orders.model import Returned
from tests.support import shop
from tests.support.counted import FIRST, LAST, NOW, changed, count, handed_over, placed
from tests.support.shop import line

pytestmark = pytest.mark.usefixtures("fake_tables", "failed_records")

QUERIES = Path(keep_history.__file__).parent / "queries"
Row = tuple[Any, ...]
COUNTED_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


class Stream:
    """The records of the marks, as DynamoDB would send them."""

    def __init__(self) -> None:
        self.marks: dict[str, dict[str, Any]] = {}
        self.records: list[dict[str, Any]] = []

    def follow(self) -> None:
        for row in shop.items("kpis"):
            before = self.marks.get(row["pk"])
            if row["sk"] != "COUNTED" or row == before:
                continue
            images = {"NewImage": to_item(row)} | ({"OldImage": to_item(before)} if before else {})
            self.marks[row["pk"]] = row
            self.records.append(
                {
                    "eventID": f"e{len(self.records)}",
                    "dynamodb": {
                        "Keys": to_item({"pk": row["pk"], "sk": row["sk"]}),
                        "SequenceNumber": str(len(self.records)),
                        "ApproximateCreationDateTime": COUNTED_AT.timestamp(),
                        **images,
                    },
                }
            )


def write(*records: dict[str, Any]) -> None:
    answered = write_history.handler({"Records": list(records)}, None)
    assert answered == {"batchItemFailures": []}


def written() -> list[dict[str, Any]]:
    s3 = client("s3")
    found = []
    for entry in s3.list_objects_v2(Bucket="history").get("Contents", []):
        body = s3.get_object(Bucket="history", Key=entry["Key"])["Body"].read()
        day = entry["Key"].split("/")[1].removeprefix("dt=")
        found += [
            {**json.loads(row), "dt": day} for row in gzip.decompress(body).decode().splitlines()
        ]
    return found


@pytest.fixture
def stream(environment: pytest.MonkeyPatch, fake_tables: None) -> Stream:
    where: Any = {"LocationConstraint": "eu-central-1"}
    boto3.client("s3").create_bucket(Bucket="history", CreateBucketConfiguration=where)
    environment.setenv("NORAIN_HISTORY", "history")
    shop.stocked({"A": {"denver": 80, "boulder": 3}, "B": {"omaha": 80}})
    stream = Stream()
    rng = random.Random(7)
    for number in range(9):
        name = f"o-{number}"
        channel = rng.choice(["web", "pos"])
        placed(name, line("1", "A", rng.randint(1, 4)), line("2", "B", 1), channel=channel)
        count(name)
        stream.follow()
        handed_over(name)
        count(name)
        stream.follow()
        if number % 3 == 0:
            rows, at = [Returned("1", 1, "sellable", "")], NOW + timedelta(days=1)
            changed(name, lambda o, rows=rows, at=at: model.take_back(o, "omaha", rows, at, "x"))
            count(name)
            stream.follow()
    return stream


class Athena:
    """The two tables and the queries, on DuckDB."""

    def __init__(self, folder: Path) -> None:
        texts = {"order_id", "counted_at", "day", "channel", "currency", "location_id", "sku", "dt"}
        names = ["order_id", "revision", "counted_at", "day", "channel", "currency"]
        names += ["location_id", "sku", *FIGURES, "dt"]
        self.columns = ", ".join(
            f"{name} {'VARCHAR' if name in texts else 'BIGINT'}" for name in names
        )
        self.folder = folder
        self.database = duckdb.connect()
        for table in ("facts_written", "facts"):
            self.database.execute(f"CREATE TABLE {table} ({self.columns})")

    def load(self, rows: list[dict[str, Any]]) -> None:
        file = self.folder / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        types = ", ".join(
            f"'{name}': '{kind}'" for name, kind in map(str.split, self.columns.split(", "))
        )
        self.database.execute(
            "INSERT INTO facts_written BY NAME SELECT * FROM read_json("
            f"'{file}', format='newline_delimited', columns={{{types}}})"
        )

    def run(self, query: str, *values: str) -> list[dict[str, Any]]:
        done = self.database.execute((QUERIES / f"{query}.sql").read_text(), list(values))
        names = [column[0] for column in done.description or ()]
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


@pytest.fixture
def athena(tmp_path: Path) -> Athena:
    return Athena(tmp_path)


def live() -> dict[tuple[str, str], dict[str, int]]:
    return {
        key: {name: figures[name] for name in FIGURES}
        for key, figures in groups(FIRST, LAST, "channel").items()
    }


def test_history_is_what_is_live_however_often_rows_are_written(
    stream: Stream, athena: Athena
) -> None:
    records = stream.records
    write(*records[:10])
    write(*records[5:])  # a batch that comes again begins elsewhere
    write(records[0])
    athena.load(written())
    for _ in range(2):
        athena.run("keep_day", COUNTED_AT.date().isoformat())
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in athena.run("sums_by_day"):
        sums = found.setdefault((row["channel"], row["currency"]), dict.fromkeys(FIGURES, 0))
        for name in FIGURES:
            sums[name] += int(row[name])
    assert found == live()
    assert sum(sums["sales"] for sums in found.values()) > 0


def test_what_comes_late_is_added_when_a_day_is_kept_again(stream: Stream, athena: Athena) -> None:
    day = COUNTED_AT.date().isoformat()
    write(*stream.records[:4])
    athena.load(written())
    athena.run("keep_day", day)
    before = athena.run("sums_by_day")
    write(*stream.records)
    athena.load(written())
    athena.run("keep_day", day)
    after = athena.run("sums_by_day")
    assert len(before) <= len(after)
    assert sum(row["orders"] for row in after) == 9


@pytest.fixture
def kept(stream: Stream, athena: Athena) -> Athena:
    write(*stream.records)
    athena.load(written())
    athena.run("keep_day", COUNTED_AT.date().isoformat())
    return athena


DAYS = (FIRST.isoformat(), LAST.isoformat())


def test_the_contribution_of_a_channel_is_that_of_the_api(kept: Athena) -> None:
    rows = kept.run("contribution_by_channel", *DAYS)
    figures = groups(FIRST, LAST, "channel")
    assert {row["channel"]: int(row["contribution"]) for row in rows} == {
        channel: value_of(KPIS["contribution"], found).numerator
        for (channel, _), found in figures.items()
    }
    for row in rows:
        parts = int(row["net_goods"]) + int(row["other_income"]) - int(row["goods"])
        assert parts - int(row["serving"] + row["payments_and_returns"]) == row["contribution"]


def test_splits_cost_their_parcels(kept: Athena) -> None:
    (row,) = kept.run("cost_of_splits", *DAYS)
    assert row["shipped_orders"] == 9
    assert row["parcels"] >= 18
    assert row["cost_of_splits"] > 0
    assert row["split_orders"] == 9


def test_locations_and_products_are_listed_from_the_worst(kept: Athena) -> None:
    worst = kept.run("worst_locations", *DAYS)
    assert {row["location_id"] for row in worst} <= {"denver", "boulder", "omaha"}
    bad = [row["late"] + row["rejected"] for row in worst]
    assert bad == sorted(bad, reverse=True)
    (returned,) = kept.run("returns_by_sku", *DAYS)
    assert (returned["sku"], returned["returned"]) == ("A", 3)


def test_a_mark_that_expires_writes_nothing(stream: Stream) -> None:
    record = {**stream.records[0]}
    record["dynamodb"] = {
        name: value for name, value in record["dynamodb"].items() if name != "NewImage"
    }
    write(record)
    assert written() == []


def test_each_query_names_only_columns_that_exist(athena: Athena) -> None:
    for query in sorted(path.stem for path in QUERIES.glob("*.sql")):
        values = (QUERIES / f"{query}.sql").read_text().count("?")
        athena.run(query, *["2026-11-20"] * values)


class Service:
    """Athena's two calls; ``ends`` are the states in which its queries end."""

    def __init__(self, *ends: str) -> None:
        self.ends = list(ends)
        self.started: list[dict[str, Any]] = []
        self.looks = 0

    def start_query_execution(self, **asked: Any) -> dict[str, Any]:
        self.started.append(asked)
        return {"QueryExecutionId": f"q{len(self.started)}"}

    def get_query_execution(self, **_: Any) -> dict[str, Any]:
        self.looks += 1
        state = "RUNNING" if self.looks % 2 else self.ends.pop(0)
        return {"QueryExecution": {"Status": {"State": state}}}


@pytest.fixture
def settings(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setenv("NORAIN_HISTORY_DATABASE", "norain_test")
    environment.setenv("NORAIN_HISTORY_WORK_GROUP", "norain-test")
    environment.setattr(keep_history, "PAUSE_SECONDS", 0)
    return environment


def test_the_days_before_are_kept_one_after_the_other(settings: pytest.MonkeyPatch) -> None:
    service = Service("SUCCEEDED", "SUCCEEDED")
    settings.setattr(keep_history, "client", lambda _: service)
    answer = keep_history.handler({"id": "run-1"}, None)
    days = [asked["ExecutionParameters"] for asked in service.started]
    assert days == [[f"'{day}'"] for day in answer["days"]]
    assert len(set(answer["days"])) == 2
    assert all(32 <= len(asked["ClientRequestToken"]) <= 128 for asked in service.started)
    assert service.started[0]["ClientRequestToken"] != service.started[1]["ClientRequestToken"]
    assert service.started[0]["QueryString"].startswith("-- Keeps")


def test_a_day_can_be_named_and_a_failed_query_fails_the_run(settings: pytest.MonkeyPatch) -> None:
    service = Service("FAILED")
    settings.setattr(keep_history, "client", lambda _: service)
    with pytest.raises(keep_history.QueryFailed, match="q1: FAILED"):
        keep_history.handler({"days": ["2026-11-20"]}, None)
    assert service.started[0]["ExecutionParameters"] == ["'2026-11-20'"]
