-- The live sums of each day by channel, from the history.
SELECT
  day, channel, currency,
  SUM(orders) AS orders, SUM(ordered_units) AS ordered_units, SUM(list_value) AS list_value,
  SUM(discounts) AS discounts, SUM(cancelled_units) AS cancelled_units,
  SUM(first_plan_units) AS first_plan_units, SUM(served_units) AS served_units,
  SUM(sold_units) AS sold_units, SUM(sales) AS sales, SUM(tax) AS tax,
  SUM(cards_sold) AS cards_sold, SUM(funding) AS funding, SUM(goods_cost) AS goods_cost,
  SUM(costed_units) AS costed_units, SUM(shipping) AS shipping, SUM(repriced) AS repriced,
  SUM(parcels) AS parcels, SUM(shipped_orders) AS shipped_orders,
  SUM(handling_cost) AS handling_cost, SUM(carrier_cost) AS carrier_cost,
  SUM(payment_cost) AS payment_cost, SUM(lost_cost) AS lost_cost, SUM(due_units) AS due_units,
  SUM(kept_units) AS kept_units, SUM(rejected_units) AS rejected_units,
  SUM(returned_units) AS returned_units, SUM(refunds) AS refunds,
  SUM(refunded_tax) AS refunded_tax, SUM(goods_back) AS goods_back,
  SUM(return_fees) AS return_fees, SUM(return_cost) AS return_cost
FROM facts
GROUP BY day, channel, currency
ORDER BY day, channel, currency
