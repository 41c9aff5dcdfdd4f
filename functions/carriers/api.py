"""The carriers Lambda: labels and other documents, and what carriers report of parcels."""

from functions.carriers import reports
from functions.orders import papers, parcels, return_labels
from shared.web.api import api, serve

app = api()
for resource in (papers, parcels, return_labels, reports):
    app.include_router(resource.router)

handler = serve(app)
