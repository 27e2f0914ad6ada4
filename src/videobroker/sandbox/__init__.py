"""A pretend 100ms and a pretend Agora for development, demos and tests.

It answers the part of the vendors' REST APIs which a broker of rooms needs, the exchange of a room code for a
token, and the calls of a joining browser; and it sends the webhooks of both. Under `/_sandbox` it can be asked
what it saw and sent, configured to fail, and given people who join and leave rooms. It imports nothing from
the rest of videobroker.
"""

from videobroker.sandbox.app import create_sandbox
from videobroker.sandbox.config import AgoraProject, SandboxConfig, Template, Workspace, demo_config
from videobroker.sandbox.serving import server_config
from videobroker.sandbox.snapshot import DamagedSnapshot
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.targets import WebhookTarget

__all__ = [
    "AgoraProject",
    "DamagedSnapshot",
    "SandboxConfig",
    "SandboxState",
    "Template",
    "WebhookTarget",
    "Workspace",
    "create_sandbox",
    "demo_config",
    "server_config",
]
