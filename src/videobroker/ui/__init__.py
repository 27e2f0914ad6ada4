"""The UI kit: style sheets and JavaScript modules that every page of the service and of the sandbox may load.

Both serve the files of this folder at `/ui/{name}`. It has no other Python code.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
