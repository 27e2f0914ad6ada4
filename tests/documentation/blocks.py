"""The code blocks of the documentation, and a shell that runs them.

- Blocks in `sh` and `python` run, in their order, in one shell per page, beside a running `make run`.
- A block with a `title` that is a file name is written to that file, and not run.
- `<!-- not run: REASON -->` in the line before a block excludes it.
- A `text` block with the title `Output` has lines that the block before it printed.
- A `json` block with the title `Response` is compared with what the block before it printed: the response has every
  documented field, with the documented value. IDs, times, and ports may differ, and `...` represents any text.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<marks>`{3,})(?P<language>[\w-]*)(?P<options>[^`\n]*)\n(?P<code>.*?)^(?P=indent)(?P=marks) *$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="([^"]+)"')
_EXCLUDED = re.compile(r"<!-- not run: (\S.*) -->\s*$")
_FILE_NAME = re.compile(r"[\w./-]+\.\w+")
_VARIABLE = re.compile(
    r"\.\.\."
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?<=127\.0\.0\.1:)\d+"
)
_SECONDS = 60
RUN = ("sh", "python")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code."""

    language: str
    code: str
    line: int
    title: str | None
    excluded: str | None
    """Why it does not run; None if it does."""

    @property
    def file(self) -> str | None:
        """The file to which it is written."""
        return self.title if self.title is not None and _FILE_NAME.fullmatch(self.title) else None

    @property
    def is_response(self) -> bool:
        """Whether it shows what the block before it prints."""
        return self.language == "json" and self.title == "Response"

    @property
    def is_output(self) -> bool:
        """Whether it has lines that the block before it prints."""
        return self.language == "text" and self.title == "Output"

    @property
    def is_run(self) -> bool:
        """Whether the shell has to do something for it."""
        return self.excluded is None and (self.file is not None or self.language in RUN)

    def as_shell(self) -> str:
        """The commands for this block."""
        if self.file is not None:
            folder = f'mkdir -p "$(dirname {self.file})"\n'
            return f"{folder}cat > {self.file} <<'END_OF_FILE'\n{self.code}END_OF_FILE\n"
        return self.code if self.language == "sh" else f"python - <<'END_OF_CODE'\n{self.code}END_OF_CODE\n"


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page."""
    for fence in _FENCE.finditer(text):
        indent = len(fence["indent"])
        title = _TITLE.search(fence["options"])
        before = _EXCLUDED.search(text[: fence.start()])
        yield Block(
            language=fence["language"],
            code="".join(line[indent:] or "\n" for line in fence["code"].splitlines(keepends=True)),
            line=text.count("\n", 0, fence.start()) + 1,
            title=title[1] if title else None,
            excluded=before[1] if before else None,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened when the blocks of a page ran."""

    outputs: dict[int, str]
    """By line of the block. A block that was not reached has none."""
    exit_code: int
    errors: str


def run(page: Sequence[Block], folder: Path, outputs: Path, environment: dict[str, str]) -> Outcome:
    """Run the blocks in one shell; it ends at the first failure, together with what it started."""
    script = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for block in page:
        if block.is_run:
            script += [f'exec > "{outputs}/{block.line}"', block.as_shell()]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    written = {line: (outputs / str(line)).read_text() for line in sorted(int(file.name) for file in outputs.iterdir())}
    return Outcome(written, done.returncode, done.stderr)


def issues(page: Sequence[Block], outcome: Outcome) -> list[str]:
    """What differs from the page."""
    last = max(outcome.outputs, default=0)
    if outcome.exit_code:
        return [f"line {last}: exit code {outcome.exit_code}\n{outcome.outputs.get(last, '')}{outcome.errors}"]
    found = []
    for block, following in zip(page, [*page[1:], None], strict=True):
        output = outcome.outputs.get(block.line, "")
        shows_response = following is not None and following.is_response
        if shows_response and following is not None:
            found += [f"line {following.line}: {issue}" for issue in _compare(following.code, output)]
        elif following is not None and following.is_output:
            missing = set(following.code.splitlines()) - set(output.splitlines())
            found += [f"line {following.line}: {line!r} was not printed" for line in sorted(missing)]
        elif is_problem(output):
            found.append(f"line {block.line}: a problem that the page does not show\n{output}")
    return found


def is_problem(output: str) -> bool:
    """Whether it is a problem document."""
    try:
        content = json.loads(output)
    except ValueError:
        return False
    return isinstance(content, dict) and {"code", "status", "detail"} <= content.keys()


def _compare(documented: str, output: str) -> Iterator[str]:
    try:
        actual = json.loads(output)
    except ValueError:
        yield f"not JSON: {output!r}"
        return
    yield from _differences(json.loads(documented), actual, "")


def _differences(documented: Any, actual: Any, place: str) -> Iterator[str]:
    if type(documented) is not type(actual):
        yield f"{place or '/'} is {actual!r}, not {documented!r}"
    elif isinstance(documented, dict):
        for name, value in documented.items():
            if name not in actual:
                yield f"{place}/{name} is missing in {actual!r}"
            else:
                yield from _differences(value, actual[name], f"{place}/{name}")
    elif isinstance(documented, list):
        if len(actual) < len(documented):
            yield f"{place} has {len(actual)} items, not {len(documented)}"
        for number, (value, found) in enumerate(zip(documented, actual, strict=False)):
            yield from _differences(value, found, f"{place}/{number}")
    elif isinstance(documented, str):
        if not re.fullmatch(".*".join(re.escape(part) for part in _VARIABLE.split(documented)), actual, re.DOTALL):
            yield f"{place} is {actual!r}, not {documented!r}"
    elif documented != actual:
        yield f"{place} is {actual!r}, not {documented!r}"
