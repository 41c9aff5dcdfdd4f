-- Keeps the rows of a day, each once. Run again, it adds nothing: rows that are kept stay out.
INSERT INTO facts
SELECT DISTINCT
  w.order_id, w.revision, w.counted_at, w.day, w.channel, w.currency, w.location_id, w.sku,
  w.orders, w.ordered_units, w.list_value, w.discounts, w.cancelled_units, w.first_plan_units,
  w.served_units, w.sold_units, w.sales, w.tax, w.cards_sold, w.funding, w.goods_cost,
  w.costed_units, w.shipping, w.repriced, w.parcels, w.shipped_orders, w.handling_cost,
  w.carrier_cost, w.payment_cost, w.lost_cost, w.due_units, w.kept_units, w.rejected_units,
  w.returned_units, w.refunds, w.refunded_tax, w.goods_back, w.return_fees, w.return_cost, w.dt
FROM facts_written w
LEFT JOIN facts f
  ON f.dt = w.dt AND f.order_id = w.order_id AND f.revision = w.revision
  AND f.day = w.day AND f.location_id = w.location_id AND f.sku = w.sku
WHERE w.dt = ? AND f.order_id IS NULL
