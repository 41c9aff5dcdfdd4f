"""One sale at an offline till (till.py): which promotions apply, and what they take off."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations, product
from zoneinfo import ZoneInfo

from tests.support.till_values import (
    BUNDLES,
    ITEMS,
    ORDERS,
    SHIPPING,
    Effect,
    Group,
    Json,
    Line,
    Receipt,
    half_up,
    largest_remainder,
    may_share,
    subsets,
    within,
)


class Sale:
    """The pricing of one cart."""

    def __init__(
        self, lines: Sequence[Line], promotions: Sequence[Json], cart: Json, at: datetime
    ) -> None:
        self.lines, self.cart, self.at = lines, cart, at
        self.effects = [effect for one in promotions for effect in self._effects(one)]

    # -- which promotions apply

    def _effects(self, one: Json) -> Iterator[Effect]:
        own = self._own(one)
        if not own or not self._runs(one):
            return
        if not self._holds(one.get("when"), one, own):
            return
        for does in one["does"]:
            points = does.get("basis_points", 0) if does["kind"] == "percent_off" else 0
            if does["kind"] == "quantity_tiers":
                count = sum(
                    line.quantity for line in self.lines if within(does.get("products"), line)
                )
                reached = [
                    tier["basis_points"] for tier in does["tiers"] if tier["min_quantity"] <= count
                ]
                if not reached:
                    continue
                points = reached[-1]
            yield Effect(one, does, points)

    def _runs(self, one: Json) -> bool:
        cart, people = self.cart, one.get("people") or {}
        day = self.at.astimezone(ZoneInfo(one.get("time_zone") or "UTC")).date().isoformat()
        typed = [code["promotion_id"] for code in cart["codes"]]
        return (
            (one.get("starts_on") or day) <= day <= (one.get("ends_on") or day)
            and (not one.get("channels") or cart["channel"] in one["channels"])
            and (not one.get("locations") or cart["location_id"] in one["locations"])
            and (not people.get("tiers") or cart["tier"] in people["tiers"])
            and (not people.get("groups") or bool(set(people["groups"]) & set(cart["groups"])))
            and people.get("first_order") in (None, cart["first_order"])
            and (one.get("code") != "required" or one["promotion_id"] in typed)
        )

    def _own(self, one: Json) -> list[int]:
        """The lines that the promotion is about."""
        gifts = [does["sku"] for does in one["does"] if does["kind"] == "gift"]
        sets: list[Json | None] = []
        for does in one["does"]:
            if does["kind"] == "bundle_price":
                sets += [part.get("products") for part in does["parts"]]
            elif does["kind"] not in (*SHIPPING, "gift"):
                sets.append(does.get("products"))
                sets += [does["get_products"]] if does.get("get_products") else []
        return [
            number
            for number, line in enumerate(self.lines)
            if line.sku not in gifts and (not sets or any(within(each, line) for each in sets))
        ]

    def _holds(self, when: Json | None, one: Json, own: Sequence[int]) -> bool:
        if when is None:
            return True
        ((kind, asked),) = when.items()
        match kind:
            case "all":
                return all(self._holds(each, one, own) for each in asked)
            case "any":
                return any(self._holds(each, one, own) for each in asked)
            case "not":
                return not self._holds(asked, one, own)
            case "method":
                return self.cart["method"] in asked
            case "hours":
                local = self.at.astimezone(ZoneInfo(one["time_zone"]))
                days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
                clock = f"{local:%H:%M}"
                return days[local.weekday()] in asked["days"] and asked.get(
                    "opens", "00:00"
                ) <= clock < asked.get("closes", "24:00")
            case "subtotal" | "quantity":
                products = asked.get("products")
                if products is not None:
                    own = [at for at, line in enumerate(self.lines) if within(products, line)]
                return self._measured(kind, own) >= int(asked["at_least"])
        raise AssertionError(f"a till does not know what is {kind}")

    def _measured(self, kind: str, lines: Sequence[int]) -> int:
        mine = [self.lines[at] for at in lines]
        return sum(line.quantity * (line.price if kind == "subtotal" else 1) for line in mine)

    # -- what they come to

    def receipt(self, first: bool) -> Receipt:
        """By the best combination, or the ``first`` promotions by priority."""
        price = self.cart["shipping"]
        made = self._by_priority() if first else self._best()
        shipping = [
            (effect, cut)
            for effect in self._of(SHIPPING)
            if (
                cut := half_up(price, effect.does["basis_points"])
                if effect.kind == "shipping_percent_off"
                else max(0, price - effect.does["amount"])
            )
        ]
        if shipping:
            best = shipping[0] if first else max(shipping, key=lambda row: row[1])
            made.shipping_cut = best[0].of["promotion_id"], best[1]
        for line in self.lines:
            mine = [
                (effect.of["promotion_id"], effect.does["basis_points"])
                for effect in self._of(["points_multiplier"])
                if within(effect.does.get("products"), line)
            ]
            made.points.append(max(mine, key=lambda row: row[1], default=None))
        return made

    def _of(self, kinds: Sequence[str]) -> list[Effect]:
        return [effect for effect in self.effects if effect.kind in kinds]

    def _best(self) -> Receipt:
        """The combination that saves most; of equal ones that of the fewest promotions."""
        best: tuple[int, int] | None = None
        found: Receipt | None = None
        items, orders = self._of(ITEMS), self._of(ORDERS)
        for bundles in subsets(self._of(BUNDLES)):
            groups = self._taken(bundles)
            cliques = [list(self._cliques(group, items)) for group in groups]
            for chosen in product(*cliques):
                for group, clique in zip(groups, chosen, strict=True):
                    group.items = clique
                for some in subsets(orders):
                    made = self._applied(groups, some)
                    used = {name for cuts in made.cuts for name in cuts}
                    rank = -made.saving, len(used)
                    if best is None or rank < best:
                        best, found = rank, made
        assert found is not None
        return found

    def _taken(self, bundles: Sequence[Effect]) -> list[Group]:
        """The units that each bundle takes of what those before it have left."""
        free = {at: line.quantity for at, line in enumerate(self.lines)}
        groups = []
        for bundle in bundles:
            for group in self._bundle(bundle, free):
                free[group.line] -= group.units
                groups.append(group)
        groups += [Group(at, units) for at, units in free.items() if units]
        return sorted(groups, key=lambda group: group.line)

    def _dearest(self, products: Json | None) -> list[int]:
        mine = [at for at, line in enumerate(self.lines) if within(products, line)]
        return sorted(mine, key=lambda at: (-self.lines[at].price, at))

    def _bundle(self, effect: Effect, free: Mapping[int, int]) -> list[Group]:
        does = effect.does
        if effect.kind == "gift":
            units = self._units([at for at in free if self.lines[at].sku == does["sku"]], free)
            return self._counted(effect, [(at, 10_000) for at in units[: does.get("quantity", 1)]])
        if effect.kind == "bundle_price":
            return self._bundle_price(effect, free)
        buy, get, points = does["buy"], does["get"], does.get("basis_points", 10_000)
        most = does.get("most") or 10**9
        if does.get("get_products") is None:
            units = self._units(self._dearest(does.get("products")), free)
            groups = min(len(units) // (buy + get), most)
            places = range(groups * (buy + get))
            return self._counted(
                effect, [(units[n], points if n % (buy + get) >= buy else 0) for n in places]
            )
        got_lines = self._dearest(does["get_products"])
        bought_lines = [at for at in self._dearest(does.get("products")) if at not in got_lines]
        bought, got = self._units(bought_lines, free), self._units(got_lines, free)
        groups = min(len(bought) // buy, len(got) // get, most)
        taken = [(at, 0) for at in bought[: groups * buy]]
        return self._counted(effect, [*taken, *((at, points) for at in got[: groups * get])])

    def _units(self, lines: Sequence[int], free: Mapping[int, int]) -> list[int]:
        return [at for at in lines for _ in range(free.get(at, 0))]

    def _counted(self, effect: Effect, units: Sequence[tuple[int, int]]) -> list[Group]:
        rows = sorted(Counter(units).items())
        return [Group(at, count, effect, points) for (at, points), count in rows]

    def _bundle_price(self, effect: Effect, free: Mapping[int, int]) -> list[Group]:
        """Bundle by bundle while one more saves something."""
        does, taken, worth = effect.does, Counter[int](), 0
        for bundles in range(1, (does.get("most") or 10**9) + 1):
            rest, units = Counter(free), Counter[int]()
            for part in does["parts"]:
                found = self._units(self._dearest(part.get("products")), rest)
                some = Counter(found[: bundles * part["quantity"]])
                if some.total() < bundles * part["quantity"]:
                    rest = Counter()
                    break
                rest -= some
                units += some
            else:
                value = sum(self.lines[at].price * count for at, count in units.items())
                if value - worth > does["amount"]:
                    taken, worth = units, value
                    continue
            break
        if not taken:
            return []
        rows = sorted(taken.items())
        totals = [self.lines[at].price * count for at, count in rows]
        number = taken.total() // sum(part["quantity"] for part in does["parts"])
        cuts = largest_remainder(sum(totals) - number * does["amount"], totals)
        return [
            Group(at, count, effect, 0, cut) for (at, count), cut in zip(rows, cuts, strict=True)
        ]

    def _cliques(self, group: Group, items: Sequence[Effect]) -> Iterator[tuple[Effect, ...]]:
        line = self.lines[group.line]
        mine = [one for one in items if within(one.does.get("products"), line)]
        for clique in subsets(mine if group.bundle_cut is None else []):
            together = [*clique, *([group.bundle] if group.bundle else [])]
            if all(may_share(one.of, other.of) for one, other in combinations(together, 2)):
                yield clique

    def _applied(self, groups: Sequence[Group], orders: Sequence[Effect]) -> Receipt:
        """Items, then bundles, then the order effects, each on the units that are free for it."""
        made = Receipt(self.lines, [Counter() for _ in self.lines], self.cart["shipping"])
        lefts, touching = [], []
        for group in groups:
            left, touched = self._after_items(made, group)
            lefts.append(left)
            touching.append(touched)
        for effect in orders:
            free = [
                at
                for at, group in enumerate(groups)
                if within(effect.does.get("products"), self.lines[group.line])
                and all(may_share(effect.of, other) for other in touching[at])
            ]
            if not self._enough(effect, [groups[at] for at in free]):
                continue
            self._share(made, effect, groups, free, lefts)
            for at in free:
                touching[at].append(effect.of)
        return made

    def _after_items(self, made: Receipt, group: Group) -> tuple[int, list[Json]]:
        """What items and the bundle leave of a group."""
        line = self.lines[group.line]
        left = total = line.price * group.units
        for effect in group.items:
            cut = self._item_cut(effect, total, left, group.units)
            made.cuts[group.line][effect.of["promotion_id"]] += cut
            left -= cut
        if group.bundle is not None:
            share = half_up(left, group.bundle_points)
            cut = share if group.bundle_cut is None else group.bundle_cut
            made.cuts[group.line][group.bundle.of["promotion_id"]] += cut
            left -= cut
        self._drop_nothing(made)
        return left, [effect.of for effect in group.effects]

    def _item_cut(self, effect: Effect, total: int, left: int, units: int) -> int:
        match effect.kind:
            case "amount_off":
                return int(min(left, effect.does["amount"] * units))
            case "fixed_price":
                return int(max(0, left - effect.does["amount"] * units))
            case _:
                of_list = effect.does.get("of") == "list"
                return min(left, half_up(total if of_list else left, effect.points))

    def _enough(self, effect: Effect, free: Sequence[Group]) -> bool:
        """Whether the conditions hold on the units that are left to an order effect."""
        if not free:
            return False
        lines = [
            Line(line.line_id, line.sku, group.units, line.price, line.attributes)
            for group in free
            for line in [self.lines[group.line]]
        ]
        return self._holds_on(effect.of.get("when"), effect.of, lines)

    def _holds_on(self, when: Json | None, one: Json, lines: Sequence[Line]) -> bool:
        if when is None:
            return True
        ((kind, asked),) = when.items()
        if kind in {"subtotal", "quantity"} and asked.get("products") is None:
            count = sum(line.quantity * (line.price if kind == "subtotal" else 1) for line in lines)
            return count >= int(asked["at_least"])
        if kind in {"all", "any"}:
            each = [self._holds_on(part, one, lines) for part in asked]
            return all(each) if kind == "all" else any(each)
        if kind == "not":
            return not self._holds_on(asked, one, lines)
        return self._holds(when, one, ())

    def _share(
        self,
        made: Receipt,
        effect: Effect,
        groups: Sequence[Group],
        free: Sequence[int],
        lefts: list[int],
    ) -> None:
        weights = [lefts[at] for at in free]
        if effect.kind == "order_percent_off":
            cut = half_up(sum(weights), effect.does["basis_points"])
        else:
            cut = min(sum(weights), effect.does["amount"])
        for at, part in zip(free, largest_remainder(cut, weights), strict=True):
            lefts[at] -= part
            made.cuts[groups[at].line][effect.of["promotion_id"]] += part
        self._drop_nothing(made)

    def _drop_nothing(self, made: Receipt) -> None:
        for cuts in made.cuts:
            for name in [name for name, amount in cuts.items() if not amount]:
                del cuts[name]

    # -- by priority alone

    def _by_priority(self) -> Receipt:
        groups = [Group(at, line.quantity) for at, line in enumerate(self.lines)]
        for effect in self.effects:
            free = [
                group
                for group in groups
                if all(may_share(effect.of, other.of) for other in group.effects)
            ]
            if effect.kind in ITEMS:
                self._claim_items(effect, free)
            elif effect.kind in BUNDLES:
                groups = self._claim_bundle(effect, groups, free)
            elif effect.kind in ORDERS:
                mine = [
                    group
                    for group in free
                    if within(effect.does.get("products"), self.lines[group.line])
                ]
                if self._enough(effect, mine):
                    for group in mine:
                        group.orders = (*group.orders, effect)
        made = Receipt(self.lines, [Counter() for _ in self.lines], self.cart["shipping"])
        groups.sort(key=self._place)
        lefts = [self._after_items(made, group)[0] for group in groups]
        for effect in self._of(ORDERS):
            claimed = [at for at, group in enumerate(groups) if effect in group.orders]
            self._share(made, effect, groups, claimed, lefts)
        return made

    def _place(self, group: Group) -> tuple[int, int, int]:
        number = self.effects.index(group.bundle) if group.bundle else -1
        return group.line, number, group.bundle_points

    def _claim_items(self, effect: Effect, free: Sequence[Group]) -> None:
        for group in free:
            line = self.lines[group.line]
            if group.bundle_cut is not None or not within(effect.does.get("products"), line):
                continue
            left = total = line.price * group.units
            for earlier in group.items:
                left -= self._item_cut(earlier, total, left, group.units)
            if self._item_cut(effect, total, left, group.units):
                group.items = (*group.items, effect)

    def _claim_bundle(
        self, effect: Effect, groups: Sequence[Group], free: Sequence[Group]
    ) -> list[Group]:
        possible = {
            group.line: group
            for group in free
            if group.bundle is None and not (effect.kind == "bundle_price" and group.effects)
        }
        made = list(groups)
        counts = {line: group.units for line, group in possible.items()}
        for taken in self._bundle(effect, counts):
            before = possible[taken.line]
            before.units -= taken.units
            taken.items, taken.orders = before.items, before.orders
            made.append(taken)
        return [group for group in made if group.units]
