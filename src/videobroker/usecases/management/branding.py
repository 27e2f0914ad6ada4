"""Manages how the hosted page presents an app."""

from videobroker.domain.apps import App
from videobroker.domain.branding import Branding
from videobroker.domain.operators import OperatorRole
from videobroker.domain.set_up import determine_interface
from videobroker.usecases import branding as brandings
from videobroker.usecases.authorization import require_operator
from videobroker.usecases.context import RequestContext
from videobroker.usecases.preconditions import Precondition


async def change_branding(
    context: RequestContext, branding: Branding, *, precondition: Precondition[App] | None = None
) -> App:
    """Replace the app's branding, except for its logo.

    Raises `InvalidInput`, `AppNotFound`, `OperatorRoleMayNot`, `PreconditionFailed`.
    """
    require_operator(context.actor, OperatorRole.ADMIN)
    return await brandings.change_branding(
        context.broker,
        context.app,
        branding,
        actor=context.actor,
        via=determine_interface(context.actor),
        precondition=precondition,
        now=context.now,
    )


async def set_logo(
    context: RequestContext, content: bytes | None, *, precondition: Precondition[App] | None = None
) -> App:
    """Set the app's logo, or remove it with None.

    Raises `InvalidInput`, `AppNotFound`, `OperatorRoleMayNot`, `PreconditionFailed`.
    """
    require_operator(context.actor, OperatorRole.ADMIN)
    return await brandings.set_logo(
        context.broker,
        context.app,
        content,
        actor=context.actor,
        via=determine_interface(context.actor),
        precondition=precondition,
        now=context.now,
    )
