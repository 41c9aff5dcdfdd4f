"""The customers Lambda: it answers the routes of profiles, merges and privacy."""

from functions.customers import merges, privacy, profiles
from shared.web.api import api, serve

app = api()
for resource in (merges, privacy, profiles):
    app.include_router(resource.router)

handler = serve(app)
