"""Emulated 100ms and Agora for development, demos, and tests.

It serves the part of the vendors' REST APIs that a broker of rooms needs, the exchange of a room code for a token, and
the requests of a joining browser, and it sends the webhooks of both vendors. The control API under `/_sandbox` lists
requests and webhooks, injects faults, and lets people join and leave rooms. It imports nothing from the rest of
videobroker.
"""

from videobroker.sandbox.app import create_sandbox
from videobroker.sandbox.config import AgoraProject, SandboxConfig, Template, Workspace, demo_config
from videobroker.sandbox.serving import server_config
from videobroker.sandbox.snapshot import InvalidSnapshot
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.targets import WebhookTarget

__all__ = [
    "AgoraProject",
    "InvalidSnapshot",
    "SandboxConfig",
    "SandboxState",
    "Template",
    "WebhookTarget",
    "Workspace",
    "create_sandbox",
    "demo_config",
    "server_config",
]
