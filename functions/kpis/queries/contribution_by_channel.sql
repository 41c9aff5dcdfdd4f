-- What each channel has earned, and on what it was spent.
SELECT
  channel,
  currency,
  SUM(sales) - SUM(refunds) AS net_goods,
  SUM(shipping) + SUM(return_fees) + SUM(repriced) + SUM(funding) AS other_income,
  SUM(goods_cost) - SUM(goods_back) + SUM(lost_cost) AS goods,
  SUM(handling_cost) + SUM(carrier_cost) AS serving,
  SUM(payment_cost) + SUM(return_cost) AS payments_and_returns,
  SUM(sales) - SUM(refunds) + SUM(shipping) + SUM(return_fees) + SUM(repriced) + SUM(funding)
    - SUM(goods_cost) + SUM(goods_back) - SUM(lost_cost)
    - SUM(handling_cost) - SUM(carrier_cost) - SUM(payment_cost) - SUM(return_cost) AS contribution
FROM facts
WHERE day BETWEEN ? AND ?
GROUP BY channel, currency
ORDER BY contribution DESC
