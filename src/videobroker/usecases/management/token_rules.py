"""Manages the rules by which an app's user tokens are verified."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from videobroker.domain.events import ChangeInterface, EventType
from videobroker.domain.operators import OperatorRole
from videobroker.domain.set_up import describe_rules_change
from videobroker.domain.user_tokens import StoredRules, TokenRules, check_new_rules, create_rules, may_accept_same_token
from videobroker.errors import UserTokenRulesNotFound, UserTokenRulesOverlap
from videobroker.storage.tenants import apps
from videobroker.translatable import TranslatableText
from videobroker.usecases.authorization import require_operator
from videobroker.usecases.context import RequestContext
from videobroker.usecases.management.changes import record_change
from videobroker.usecases.preconditions import Precondition


async def find_token_rules(context: RequestContext) -> StoredRules:
    """The app's rules, with the secret. Raises `UserTokenRulesNotFound`, `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.VIEWER)
    async with context.transaction() as unit_of_work:
        found = await apps.find_rules(unit_of_work, context.app.id)
    if found is None:
        raise _not_found(context)
    return found


async def set_token_rules(
    context: RequestContext,
    rules: TokenRules,
    *,
    precondition: Precondition[StoredRules] | None = None,
    via: ChangeInterface | None = None,
) -> bool:
    """Set how the app's user tokens are verified. Returns whether the app had no rules.

    Changes are journaled; equal rules change nothing.

    Raises `UserTokenRulesOverlap` when another app could accept the same tokens, `InvalidInput`, `PreconditionFailed`.
    """
    return await _save(context, lambda _: rules, precondition, via)


async def update_token_rules(
    context: RequestContext, changes: Mapping[str, Any], *, precondition: Precondition[StoredRules] | None = None
) -> None:
    """Change these fields of the app's `TokenRules`.

    A new `secret` replaces the `jwks_url`, and the other way around, unless both are given. Raises
    `UserTokenRulesNotFound`, and what `set_token_rules` raises.
    """

    def change(former: TokenRules | None) -> TokenRules:
        if former is None:
            raise _not_found(context)
        known = asdict(former)
        for given, other in (("secret", "jwks_url"), ("jwks_url", "secret")):
            if changes.get(given) is not None:
                known[other] = None
        return create_rules({**known, **changes})

    await _save(context, change, precondition, None)


async def _save(
    context: RequestContext,
    change: Callable[[TokenRules | None], TokenRules],
    precondition: Precondition[StoredRules] | None,
    via: ChangeInterface | None,
) -> bool:
    require_operator(context.actor, OperatorRole.ADMIN)
    app_id = context.app.id
    async with context.store.cross_app_transaction() as unit_of_work:
        await apps.lock_rules(unit_of_work)
        stored = await apps.find_rules(unit_of_work, app_id)
        if precondition is not None:
            precondition(stored)
        former = None if stored is None else stored.rules
        rules = change(former)
        check_new_rules(rules)
        if rules == former:
            return False
        others = await apps.overlapping_rules(unit_of_work, rules)
        if any(other_id != app_id and may_accept_same_token(rules, other) for other_id, other in others):
            raise UserTokenRulesOverlap(
                TranslatableText(
                    "Another app accepts the same user tokens. Give each app a secret of its own, or, where they share "
                    "an identity provider, an `audience` of its own."
                )
            )
        await apps.save_rules(unit_of_work, app_id, rules, now=context.now)
        data = describe_rules_change(former, rules)
        await record_change(context, unit_of_work, EventType.USER_TOKEN_RULES_CHANGED, via=via, **data)
    return former is None


async def remove_token_rules(context: RequestContext, *, precondition: Precondition[StoredRules] | None = None) -> None:
    """Stop accepting user tokens for the app, and journal it. Raises `UserTokenRulesNotFound`, `PreconditionFailed`."""
    require_operator(context.actor, OperatorRole.ADMIN)
    async with context.transaction() as unit_of_work:
        await apps.lock_rules(unit_of_work)
        former = await apps.find_rules(unit_of_work, context.app.id)
        if precondition is not None and former is not None:
            precondition(former)
        if not await apps.delete_rules(unit_of_work, context.app.id):
            raise _not_found(context)
        await record_change(context, unit_of_work, EventType.USER_TOKEN_RULES_REMOVED)


def _not_found(context: RequestContext) -> UserTokenRulesNotFound:
    return UserTokenRulesNotFound(
        TranslatableText("The app %(app)r has no rules for user tokens.", app=context.app.name)
    )
