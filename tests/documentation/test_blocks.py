"""Every block of code in the documentation runs, as `tests/documentation/blocks.py` defines it."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from documentation.blocks import Block, Outcome, blocks, issues, run
from guides.demo import Demo, running_demo

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): list(blocks(path.read_text()))
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
}
RUN_ELSEWHERE = (
    "docs/how-to/backends/",
    "docs/how-to/frontends/",
    "docs/how-to/receive-webhooks.md",
    "docs/how-to/test-your-app.md",
    "docs/how-to/use-the-",
)
"""Pages whose examples are programs: `tests/guides` and `clients/*/tests` run them."""
TUTORIAL = "docs/tutorial"
"""Its pages are one story: they run in one shell."""
RUNNABLE = {
    name: page
    for name, page in PAGES.items()
    if any(block.is_run for block in page) and not name.startswith((*RUN_ELSEWHERE, f"{TUTORIAL}/"))
}
RUNNABLE[TUTORIAL] = [
    replace(block, line=1000 * number + block.line)
    for number, name in enumerate([f"{TUTORIAL}/index.md", *sorted(ROOT.glob(f"{TUTORIAL}/[0-9]*.md"))])
    for block in PAGES[str(name).removeprefix(f"{ROOT}/")]
]

FIRST_PAGES = {"README.md", TUTORIAL}
"""What `make test` runs, too."""


@pytest.fixture(scope="module")
def demo(guard: None) -> Iterator[Demo]:
    """`make run`."""
    with running_demo() as demo:
        yield demo


def variables(demo: Demo) -> dict[str, str]:
    """What `demo.env` sets, which readers of a guide have from the tutorial."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"BASE": demo.url, "KEY": demo.key, "SANDBOX": demo.sandbox_url, "PATH": programs, "HOME": str(demo.folder)}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FIRST_PAGES else pytest.mark.long) for name in RUNNABLE]
)
def test_the_blocks_of_a_page_run(demo: Demo, tmp_path: Path, name: str) -> None:
    page = RUNNABLE[name]
    outcome = run(page, demo.folder, tmp_path, variables(demo))
    assert "\n".join(issues(page, outcome)) == ""


@pytest.mark.parametrize("name", PAGES)
def test_every_command_is_in_a_block_that_can_run(name: str) -> None:
    """`bash`, `shell`, and a block without a language would not be run."""
    assert [
        block.line for block in PAGES[name] if block.language in {"", "bash", "shell", "zsh", "py", "python3"}
    ] == []


SHELL = "```sh\n{}\n```\n"


def check(folder: Path, text: str) -> tuple[list[str], Outcome]:
    page = list(blocks(text))
    outputs = folder / "outputs"
    outputs.mkdir()
    outcome = run(page, folder, outputs, {"PATH": os.environ["PATH"]})
    return issues(page, outcome), outcome


def test_blocks_share_a_shell(tmp_path: Path) -> None:
    found, outcome = check(tmp_path, SHELL.format("export A=1") + '```python\nimport os\nprint(os.environ["A"])\n```\n')
    assert (found, list(outcome.outputs.values())[-1]) == ([], "1\n")


def test_a_block_with_a_file_name_is_written(tmp_path: Path) -> None:
    found, outcome = check(tmp_path, '```python title="a/b.py"\nprint(2)\n```\n' + SHELL.format("cat a/b.py"))
    assert (found, list(outcome.outputs.values())[-1]) == ([], "print(2)\n")


def test_an_excluded_block_does_not_run(tmp_path: Path) -> None:
    assert check(tmp_path, "<!-- not run: it fails -->\n" + SHELL.format("false"))[0] == []


@pytest.mark.parametrize(
    ("text", "issue"),
    [
        (SHELL.format("true") + SHELL.format("false"), "line 4: exit code 1"),
        (SHELL.format("false | cat"), "line 1: exit code 1"),
        (SHELL.format("echo $UNSET"), "line 1: exit code 1"),
        ("```python\nraise OSError\n```\n", "line 1: exit code 1"),
        (
            SHELL.format("""echo '{"status": 404, "code": "x", "detail": "y"}'"""),
            "line 1: a problem that the page does not show",
        ),
    ],
)
def test_a_failure_is_found(tmp_path: Path, text: str, issue: str) -> None:
    (found,) = check(tmp_path, text)[0]
    assert found.startswith(issue)


@pytest.mark.parametrize(
    ("documented", "printed", "issue"),
    [
        ('{"a": 1}', '{"a": 1, "b": 2}', None),
        ('{"a": 1}', '{"a": 2}', "/a is 2, not 1"),
        ('{"a": 1}', '{"b": 1}', "/a is missing"),
        ('{"a": "x"}', '{"a": null}', "/a is None, not 'x'"),
        ('{"a": "eyJ..."}', '{"a": "eyJhbGciOi"}', None),
        ('{"a": "eyJ..."}', '{"a": "xyz"}', "/a is 'xyz'"),
        ('{"at": "2026-01-01T10:00:00Z"}', '{"at": "2027-02-02T11:11:11.5Z"}', None),
        ('{"url": "http://127.0.0.1:8080/x"}', '{"url": "http://127.0.0.1:4711/x"}', None),
        ('{"a": [{"b": 1}]}', '{"a": [{"b": 1}, {"b": 2}]}', None),
        ('{"a": [1, 2]}', '{"a": [1]}', "/a has 1 items, not 2"),
        ('{"a": 1}', "text", "not JSON"),
    ],
)
def test_a_response_is_compared(tmp_path: Path, documented: str, printed: str, issue: str | None) -> None:
    text = SHELL.format(f"echo '{printed}'") + f'\n```json title="Response"\n{documented}\n```\n'
    found = check(tmp_path, text)[0]
    assert len(found) == (issue is not None)
    assert issue is None or issue in found[0]


def test_printed_lines_are_compared(tmp_path: Path) -> None:
    found = check(tmp_path, SHELL.format("echo one; echo two") + '\n```text title="Output"\none\nthree\n```\n')[0]
    assert found == ["line 5: 'three' was not printed"]


def test_blocks_in_lists_are_found() -> None:
    (block,) = blocks("1. Do this:\n\n   ```sh\n   echo 1\n\n   echo 2\n   ```\n")
    assert block == Block("sh", "echo 1\n\necho 2\n", 3, None, None)
