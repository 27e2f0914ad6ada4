"""Templates and their roles. Only their fields are in camelCase."""

from videobroker.sandbox.config import Template, Workspace
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.json_body import JsonObject
from videobroker.sandbox.rest.paging import page
from videobroker.sandbox.rest.requests import HmsRequest
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.times import UNSET

CREATED_AT = "2026-01-04T09:00:00.588Z"
MAX_PRIORITY = 5


def list_templates(_: SandboxState, request: HmsRequest) -> JsonObject:
    """All templates of the workspace."""
    return page(
        request.workspace.templates,
        request,
        identity=lambda template: template.id,
        as_json=lambda template: template_as_json(template, request.workspace),
    )


def get(_: SandboxState, request: HmsRequest) -> JsonObject:
    return template_as_json(_template(request), request.workspace)


def get_role(_: SandboxState, request: HmsRequest) -> JsonObject:
    template, role = _template(request), request.path["role"]
    if role not in template.all_roles:
        raise VendorError(404, "Role not found")
    return _role_as_json(template, role)


def template_as_json(template: Template, workspace: Workspace) -> JsonObject:
    """A template in the vendor's format, which does not include the subdomain."""
    return {
        "id": template.id,
        "_id": template.id,
        "name": template.name,
        "customerId": workspace.customer_id,
        "customer": workspace.customer_id,
        "appId": workspace.app_id,
        "default": template.default,
        "roles": {role: _role_as_json(template, role) for role in template.all_roles},
        "settings": {"region": "in", "recording": None},
        "destinations": {},
        "createdAt": CREATED_AT,
        "updatedAt": UNSET,
    }


def _template(request: HmsRequest) -> Template:
    template = request.workspace.template(request.path["template_id"])
    if template is None:
        raise VendorError(404, "template not found")
    return template


def _role_as_json(template: Template, role: str) -> JsonObject:
    return {
        "name": role,
        "priority": min(template.all_roles.index(role) + 1, MAX_PRIORITY),
        "maxPeerCount": template.max_peers.get(role, 0),
        "permissions": dict(template.permissions(role)),
        "publishParams": {"allowed": list(template.publishes(role))},
        "subscribeParams": {"subscribeToRoles": list(template.roles)},
    }
