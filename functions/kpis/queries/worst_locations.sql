-- Locations by the units that they rejected or did too late, of those that they were asked for.
SELECT
  location_id,
  SUM(due_units) AS due,
  SUM(due_units) - SUM(kept_units) AS late,
  SUM(rejected_units) AS rejected
FROM facts
WHERE day BETWEEN ? AND ? AND location_id <> '-'
GROUP BY location_id
HAVING SUM(due_units) + SUM(rejected_units) > 0
ORDER BY SUM(due_units) - SUM(kept_units) + SUM(rejected_units) DESC, location_id
