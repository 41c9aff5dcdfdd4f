"""Read what the rules of the order policy look at, for units that came back."""

from shared.availability.model.confidence import GROUP as DEPARTMENT
from shared.catalog import store as catalog
from shared.catalog.model import GROUP
from shared.locations.store import all_locations
from shared.orders.model import Order
from shared.orders.model.restocking import ON_SHELF, Restocking
from shared.orders.model.return_terms import ReturnTerms


def restocking_of(order: Order, terms: ReturnTerms) -> Restocking:
    """The rules with the locations, and with the product groups of the order where a rule names
    some: then one read of the catalog."""
    if not terms.restock:
        return ON_SHELF
    groups: dict[str, frozenset[str]] = {}
    if any(rule.product_groups for rule in terms.restock):
        products = catalog.products({line.sku for line in order.lines})
        groups = {
            sku: frozenset(
                product.attributes[name]
                for name in (DEPARTMENT, GROUP)
                if name in product.attributes
            )
            for sku, product in products.items()
        }
    return Restocking(terms.restock, all_locations(), groups)
