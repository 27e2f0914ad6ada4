"""The UI kit: style sheets and JavaScript modules that every page of the service and of the sandbox may load.

Both serve the files of this folder at `/ui/{name}`.
"""

from pathlib import Path

FOLDER = Path(__file__).parent

ON_DEMAND = ("call-dialogs.js", "call-pip.js")
"""Modules of the call view that few calls need. It loads them when its menu opens."""
CALL_MODULES = (
    *sorted(path.name for path in FOLDER.glob("call-*.js") if path.name not in ON_DEMAND),
    *("dialogs.js", "dom.js", "icons.js", "initials.js", "toasts.js"),
)
"""The modules that the call view imports. Pages preload them, so that the browser does not discover them one by one."""
