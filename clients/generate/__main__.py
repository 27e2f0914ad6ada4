"""Generates the clients from `openapi.yaml`. Run it with `make clients`."""

import shutil
import subprocess
import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from generate import bruno, python, typescript
from generate.contract import read_contract, read_resources

ROOT = Path(__file__).parents[2]


def render(root: Path = ROOT) -> dict[Path, str]:
    """All generated files by path, formatted."""
    contract = read_contract(root / "openapi.yaml")
    resources = read_resources(contract)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  the output is not HTML
    )
    files = {
        **python.render(contract, resources, environment),
        **typescript.render(contract, resources, environment, root),
        **bruno.render(contract, resources, environment),
    }
    return {path: _formatted(path, text) for path, text in files.items()}


def _formatted(path: Path, text: str) -> str:
    if path.suffix != ".py":
        return text
    ruff = [sys.executable, "-m", "ruff"]
    name = ["--stdin-filename", str(ROOT / path)]
    fixed = _piped([*ruff, "check", "--quiet", "--exit-zero", "--fix", "--select", "F401,I,UP", *name, "-"], text)
    return _piped([*ruff, "format", "--quiet", *name, "-"], fixed)


def _piped(command: list[str], text: str) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr}\n{text}")
    return done.stdout


def main() -> None:
    # Files of operations that no longer exist.
    shutil.rmtree(ROOT / bruno.COLLECTION, ignore_errors=True)
    for path, text in render().items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


if __name__ == "__main__":
    main()
