"""What selling costs beside goods, handling and carriers: table ``config``, KPI_RATES / active."""

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.kpis.model.costs import NO_RATES, Rates
from shared.stored import from_row

CACHE_SECONDS = 30
PK, SK = "KPI_RATES", "active"


def stated_rates() -> Rates:
    """The rates as they are stored now; all 0 when nobody has stated any."""
    item = tables.get(table_name("config"), PK, SK, consistent=True)
    if item is None:
        return NO_RATES
    return from_row(Rates, {name: item[name] for name in item if name not in {"pk", "sk"}})


rates_cache = Cached(stated_rates, CACHE_SECONDS)


def rates() -> Rates:
    """The rates, CACHE_SECONDS old at most."""
    return rates_cache.get()


def put_rates(stated: Rates) -> None:
    """Replaces the rates. What was counted with others stays."""
    item = {
        "pk": PK,
        "sk": SK,
        "payment_share": stated.payment_share,
        "payment_fixed": stated.payment_fixed,
        "return_unit": stated.return_unit,
    }
    tables.write("put_item", TableName=table_name("config"), Item=to_item(item))
    rates_cache.clear()
