"""Runs the tests of the domain against mutants of it, and prints the score of every module.

Arguments are passed on to `mutmut run`: patterns of mutants, such as `videobroker.domain.access*`. Results are stored
in `mutants/`. The next run tests the survivors, and the mutants of changed functions. `docs/explanation/mutation.md`
explains the survivors.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

FLOOR_PERCENT = 85.0
"""Below this score of all mutants, or without a result for one of them, the run fails."""
MUTANTS = Path("mutants")
DOMAIN = MUTANTS / "src" / "videobroker" / "domain"
SURVIVORS = MUTANTS / "survivors.diff"
KILLED = ("killed", "timeout")
SURVIVED = ("survived", "no tests")


def main(patterns: list[str]) -> int:
    discard_tests()
    if not patterns:
        discard_survivors()
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutation"}
    run = subprocess.run(["mutmut", "run", *patterns], env=environment, check=False)
    if run.returncode:
        return run.returncode
    modules = {module_of(path): results_of(path) for path in sorted(DOMAIN.rglob("*.meta"))}
    for name, results in modules.items():
        if any(results.values()):
            print(f"{name:50} {report(results)}")
    total = sum(modules.values(), Counter[str]())
    print(f"{'all':50} {report(total)}")
    diffs = [diff for path in sorted(DOMAIN.rglob("*.meta")) for diff in diffs_of_survivors(path)]
    SURVIVORS.write_text("".join(diffs))
    print(f"{len(diffs)} survivors are in {SURVIVORS}.")
    if patterns:
        return 0
    return int(score(total) < FLOOR_PERCENT or sum(total.values()) != tested(total))


def discard_tests() -> None:
    """Discards the copied tests, and what each one reaches. mutmut does not notice that a test moved or changed."""
    shutil.rmtree(MUTANTS / "tests", ignore_errors=True)
    (MUTANTS / "mutmut-stats.json").unlink(missing_ok=True)


def discard_survivors() -> None:
    """Discards the results of survivors. mutmut tests a mutant again if its function changed, not if a test did."""
    for path in DOMAIN.rglob("*.meta"):
        meta = json.loads(path.read_text())
        for name, code in meta["exit_code_by_key"].items():
            if status_by_exit_code[code] in SURVIVED:
                meta["exit_code_by_key"][name] = None
        path.write_text(json.dumps(meta))


def exit_codes_in(path: Path) -> dict[str, int | None]:
    codes: dict[str, int | None] = json.loads(path.read_text())["exit_code_by_key"]
    return codes


def results_of(path: Path) -> Counter[str]:
    return Counter(status_by_exit_code[code] for code in exit_codes_in(path).values())


def diffs_of_survivors(path: Path) -> list[str]:
    """The output of `mutmut show` for each survivor. That command needs two seconds for one of them."""
    source = path.relative_to(MUTANTS).with_suffix("")
    return [
        f"# {name}: {status_by_exit_code[code]}\n{get_diff_for_mutant(name, path=source)}\n\n"
        for name, code in exit_codes_in(path).items()
        if status_by_exit_code[code] in SURVIVED
    ]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(MUTANTS / "src").with_suffix("").with_suffix("").parts)


def tested(results: Counter[str]) -> int:
    return sum(results[status] for status in (*KILLED, *SURVIVED))


def score(results: Counter[str]) -> float:
    """Killed mutants in percent of all that were tested. A mutant that no test reaches counts as a survivor."""
    return 100.0 * sum(results[status] for status in KILLED) / max(tested(results), 1)


def report(results: Counter[str]) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(results.items()))
    return f"{score(results):5.1f} %  ({counts})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
