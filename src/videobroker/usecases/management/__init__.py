"""Management of apps and of this installation: the operations of `/v1/admin`, of the console, and of the command line.

Each of them requires a role of operators, validates its input, and journals its changes under the operator's name.
"""

from videobroker.usecases.journal.retention import list_retentions, set_retention
from videobroker.usecases.management.accounts import (
    check_account,
    find_account,
    list_accounts,
    set_account,
    update_account,
)
from videobroker.usecases.management.apps import (
    change_app,
    create_app,
    list_apps,
    read_app,
    replace_role_map,
    require_manager,
    update_policy,
    update_role_map,
)
from videobroker.usecases.management.branding import change_branding, set_logo
from videobroker.usecases.management.keys import create_key, find_key, list_keys, revoke_key
from videobroker.usecases.management.operator_keys import (
    create_operator_key,
    find_operator_key,
    list_operator_keys,
    revoke_operator_key,
)
from videobroker.usecases.management.token_rules import (
    find_token_rules,
    remove_token_rules,
    set_token_rules,
    update_token_rules,
)

__all__ = [
    "change_app",
    "change_branding",
    "check_account",
    "create_app",
    "create_key",
    "create_operator_key",
    "find_account",
    "find_key",
    "find_operator_key",
    "find_token_rules",
    "list_accounts",
    "list_apps",
    "list_keys",
    "list_operator_keys",
    "list_retentions",
    "read_app",
    "remove_token_rules",
    "replace_role_map",
    "require_manager",
    "revoke_key",
    "revoke_operator_key",
    "set_account",
    "set_logo",
    "set_retention",
    "set_token_rules",
    "update_account",
    "update_policy",
    "update_role_map",
    "update_token_rules",
]
