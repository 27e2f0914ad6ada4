"""A pretend 100ms for development, demos and tests.

It answers the part of the vendor's REST API which a broker of rooms needs, the exchange of a room code for a
token, and the calls of a joining browser. Under `/_sandbox` it can be asked what it saw, told to misbehave,
and given people who walk in and out of rooms. It imports nothing from the rest of videobroker.
"""

from videobroker.sandbox.app import create_sandbox
from videobroker.sandbox.config import SandboxConfig, Template, Workspace, demo_config
from videobroker.sandbox.snapshot import DamagedSnapshot
from videobroker.sandbox.state import SandboxState

__all__ = [
    "DamagedSnapshot",
    "SandboxConfig",
    "SandboxState",
    "Template",
    "Workspace",
    "create_sandbox",
    "demo_config",
]
