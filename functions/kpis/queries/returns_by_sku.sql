-- Products by the share of their units that came back.
SELECT
  sku,
  SUM(sold_units) AS sold,
  SUM(returned_units) AS returned,
  SUM(refunds) AS refunds
FROM facts
WHERE day BETWEEN ? AND ? AND sku <> ''
GROUP BY sku
HAVING SUM(sold_units) > 0 AND SUM(returned_units) > 0
ORDER BY SUM(returned_units) * 1.0 / SUM(sold_units) DESC, sku
