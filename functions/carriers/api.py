"""The carriers Lambda: labels and other documents, and what carriers report of parcels."""

from functions.carriers import reports
from functions.orders import papers, parcels
from shared.web.api import api, serve

app = api()
for resource in (papers, parcels, reports):
    app.include_router(resource.router)

handler = serve(app)
