"""All rows of the REST side: the one list."""

from gateway.api import (
    amplify,
    auth,
    auth_accounts,
    auth_sessions,
    aws_credentials,
    groups,
    me,
    me_factors,
    memberships,
    own,
    pages,
    permissions,
    user_deeds,
    user_lists,
    users,
)
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
