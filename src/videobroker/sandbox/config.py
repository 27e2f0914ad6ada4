"""Configuration of a sandbox: workspaces, their keys, and their templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from videobroker.sandbox.ids import is_object_id, object_id_from
from videobroker.sandbox.targets import WebhookTarget

RECORDER_ROLE = "__internal_recorder"
"""Every template has this role; it has no room code."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template as configured in the vendor's dashboard."""

    id: str
    name: str
    roles: tuple[str, ...]
    subdomain: str
    default: bool = False
    max_peers: Mapping[str, int] = field(default_factory=dict)
    """Maximum number of peers in a room, by role. Other roles have no limit."""

    def __post_init__(self) -> None:
        if not is_object_id(self.id):
            raise ValueError(f"The id of template {self.name} must be 24 lower-case hex digits.")

    @property
    def all_roles(self) -> tuple[str, ...]:
        """The configured roles and the built-in one."""
        return (*self.roles, RECORDER_ROLE)

    def permissions(self, role: str) -> Mapping[str, bool]:
        """Permissions of a role, by the vendor's names. The first role has all of them."""
        leads = role == self.roles[0]
        return {"endRoom": True, "removeOthers": True, "changeRole": True} if leads else {}

    def publishes(self, role: str) -> tuple[str, ...]:
        """Media that a role may publish: none for the recorder, everything for other roles."""
        return () if role == RECORDER_ROLE else ("audio", "video", "screen")


@dataclass(frozen=True, slots=True)
class Workspace:
    """One account of the vendor: a pair of keys and its templates."""

    access_key: str
    secret: str = field(repr=False)
    templates: tuple[Template, ...]

    def __post_init__(self) -> None:
        if not is_object_id(self.access_key):
            raise ValueError("The access key of a workspace must be 24 lower-case hex digits.")
        if sum(template.default for template in self.templates) != 1:
            raise ValueError("A workspace has exactly one default template.")

    @property
    def customer_id(self) -> str:
        """The ID of the account, derived from its access key."""
        return object_id_from(f"customer {self.access_key}")

    @property
    def app_id(self) -> str:
        return object_id_from(f"app {self.access_key}")

    @property
    def default_template(self) -> Template:
        """The template of rooms that are created without one."""
        return next(template for template in self.templates if template.default)

    def template(self, template_id: str) -> Template | None:
        return next((template for template in self.templates if template.id == template_id), None)


@dataclass(frozen=True, slots=True)
class AgoraProject:
    """One project at Agora, with the secrets of its owner's account."""

    app_id: str
    app_certificate: str = field(repr=False)
    customer_id: str
    customer_secret: str = field(repr=False)
    notifications_secret: str = field(repr=False)
    """Signs notifications, unless their target has its own secret."""


DEMO_PROJECT = AgoraProject(
    app_id="a60a" * 8,
    app_certificate="d3300000" * 4,
    customer_id="5a0db0c5c057000000000000000a60a0",
    customer_secret="sandbox-secret-of-the-agora-customer-not-a-real-one",  # noqa: S106 - invented
    notifications_secret="sandbox-secret-of-the-notifications-not-a-real-one",  # noqa: S106 - invented
)
"""An invented project with constant IDs and secrets."""


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """The workspaces of a sandbox, and its project at Agora.

    With a `state_path`, their state survives a restart.
    """

    workspaces: tuple[Workspace, ...]
    state_path: Path | None = None
    agora: AgoraProject = DEMO_PROJECT
    webhook: WebhookTarget | None = None
    """The webhook of every workspace, until the control API changes it."""
    retry_scale: float = 1.0
    """Factor for the delays before retries of webhooks."""

    def __post_init__(self) -> None:
        keys = [workspace.access_key for workspace in self.workspaces]
        if len(set(keys)) != len(keys):
            raise ValueError("Two workspaces have the same access key.")

    def workspace(self, access_key: str) -> Workspace | None:
        return next((w for w in self.workspaces if w.access_key == access_key), None)


def demo_config(state_path: Path | None = None) -> SandboxConfig:
    """One workspace with a template for each kind of app, and a project at Agora. All IDs are constant."""
    workspace = Workspace(
        access_key="5a0db0c5000000000000d03a",
        secret="sandbox-secret-of-the-demo-workspace-not-a-real-one",  # noqa: S106 - invented, and says so
        templates=(
            _demo_template(1, "tutoring", ("teacher", "student"), default=True),
            _demo_template(2, "appointments", ("host", "guest")),
            _demo_template(3, "groups", ("host", "guest")),
            _demo_template(4, "therapy", ("host", "guest")),
        ),
    )
    return SandboxConfig(workspaces=(workspace,), state_path=state_path)


def _demo_template(number: int, name: str, roles: tuple[str, ...], *, default: bool = False) -> Template:
    return Template(id=f"5a0db0c5{number:016x}", name=name, roles=roles, subdomain=f"sandbox-{name}", default=default)
