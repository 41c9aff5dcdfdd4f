-- What the parcels after the first of an order have cost: handling and carrier per parcel.
SELECT
  currency,
  COUNT(*) AS shipped_orders,
  SUM(parcels) AS parcels,
  SUM(CASE WHEN parcels > 1 THEN 1 ELSE 0 END) AS split_orders,
  SUM(CASE WHEN parcels > 1 THEN (parcels - 1) * cost / parcels ELSE 0 END) AS cost_of_splits
FROM (
  SELECT
    order_id,
    currency,
    SUM(parcels) AS parcels,
    SUM(handling_cost) + SUM(carrier_cost) AS cost
  FROM facts
  WHERE day BETWEEN ? AND ?
  GROUP BY order_id, currency
  HAVING SUM(parcels) > 0
) AS orders
GROUP BY currency
