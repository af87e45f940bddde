"""All rows of the REST side: the one list."""

from gateway.api import amplify
from gateway.api.admin import deeds as user_deeds
from gateway.api.admin import groups, memberships, users
from gateway.api.admin import lists as user_lists
from gateway.api.auth import accounts as auth_accounts
from gateway.api.auth import sessions as auth_sessions
from gateway.api.auth import signing_in as auth
from gateway.api.description import pages
from gateway.api.me import account as me
from gateway.api.me import aws_credentials, permissions
from gateway.api.me import factors as me_factors
from gateway.api.operator import own
from gateway.api.route import Route


def routes() -> tuple[Route, ...]:
    """Every route but `/healthz`."""
    rows = (
        *user_lists.routes(),
        *users.routes(),
        *user_deeds.routes(),
        *memberships.routes(),
        *groups.routes(),
        *auth.routes(),
        *auth_sessions.routes(),
        *auth_accounts.routes(),
        *me.routes(),
        *me_factors.routes(),
        *permissions.routes(),
        *aws_credentials.routes(),
        *own.routes(),
        *amplify.routes(),
    )
    return (*rows, *pages.routes(rows))  # the document that they serve is of all of these
