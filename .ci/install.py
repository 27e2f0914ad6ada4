"""Installs what `make run` (extra `embedded`) or `make test` (extra `dev`) needs into .venv. Standard library only.

After an interruption, the next run starts over. A second run at the same time waits for the first one.
"""

import fcntl
import os
import shutil
import subprocess
import sys

VENV = ".venv"
BIN_PYTHON = os.path.join(VENV, "bin", "python")
INSTALLING = os.path.join(VENV, "installing")
"""Exists while .venv changes. Left behind by an interrupted installation, after which .venv may be broken."""
SOURCES = ("pyproject.toml", "constraints.txt")
GOALS = {"run": ("embedded", ("run",), "under a minute"), "dev": ("dev", ("dev", "run"), "under two minutes")}
NO_VENV = """{python} cannot create virtual environments: its `venv` or `ensurepip` module is missing.
Debian and Ubuntu: apt install python3-venv. Fedora: dnf install python3-pip. Or choose another Python: make PYTHON=...
Then run the command again."""


def main(goal):
    """Bring .venv up to date; returns the exit code."""
    if sys.version_info < (3, 11):
        return fail("Python 3.11 or newer is needed, this is {}: make PYTHON=...".format(sys.version.split()[0]))
    with open(VENV + ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make is installing into {}: waiting for it".format(VENV), flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        return 0 if is_current(goal) else install(goal)


def is_current(goal):
    """Whether the last installation is newer than the files that define it."""
    marker = os.path.join(VENV, goal)
    if os.path.exists(INSTALLING) or not os.path.exists(marker):
        return False
    return all(os.path.getmtime(marker) >= os.path.getmtime(source) for source in SOURCES)


def install(goal):
    extra, markers, duration = GOALS[goal]
    print("Installing (once; {})".format(duration), flush=True)
    if os.path.exists(INSTALLING) or not has_pip():
        shutil.rmtree(VENV, ignore_errors=True)
    os.makedirs(VENV, exist_ok=True)
    touch(INSTALLING)
    # An interruption breaks the environment for both goals.
    for marker in GOALS:
        remove(os.path.join(VENV, marker))
    if not has_pip():
        created = subprocess.run(
            [sys.executable, "-m", "venv", VENV], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        if created.returncode or not has_pip():
            sys.stderr.write(created.stdout.decode(errors="replace"))
            shutil.rmtree(VENV, ignore_errors=True)
            return fail(NO_VENV.format(python=sys.executable))
    pip = [BIN_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--constraint", "constraints.txt", "--editable", ".[{}]".format(extra)]
    code = subprocess.run(pip, check=False).returncode
    # Also after a failure: pip installs nothing before it has downloaded and built everything.
    remove(INSTALLING)
    if code == 0:
        for marker in markers:
            touch(os.path.join(VENV, marker))
    return code


def has_pip():
    if not os.path.exists(BIN_PYTHON):
        return False
    probe = [BIN_PYTHON, "-c", "import pip"]
    return subprocess.run(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def touch(path):
    with open(path, "a"):
        os.utime(path)


def remove(path):
    if os.path.exists(path):
        os.remove(path)


def fail(message):
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
