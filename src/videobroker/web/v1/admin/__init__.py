"""Management of this installation with operator keys: `/v1/admin`."""

from fastapi import APIRouter

from videobroker.web.v1.admin import (
    accounts,
    apps,
    branding,
    keys,
    operator_keys,
    policy,
    retention,
    role_maps,
    user_token_rules,
    webhook_endpoints,
)

router = APIRouter(prefix="/admin")
for _module in (
    apps,
    policy,
    role_maps,
    keys,
    accounts,
    user_token_rules,
    branding,
    webhook_endpoints,
    retention,
    operator_keys,
):
    router.include_router(_module.router)
