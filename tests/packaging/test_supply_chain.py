"""What the image installs: locked with hashes, under known licenses, and audited honestly."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PERMISSIVE = {
    *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"),
    # Weak copyleft, of whole files: certifi, whose list of certificates is not changed.
    "MPL-2.0",
}
CLASSIFIERS = {
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Licenses of packages without a license expression (PEP 639)."""
TEXTS = {"3-Clause BSD License": "BSD-3-Clause"}
"""Licenses of packages without a classifier, too."""


def normal(name: str) -> str:
    """The normalized name of a package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, tuple[str, list[str]]]:
    """The version and the hashes of each locked package."""
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip())
    found = {}
    for entry in entries:
        name, version = re.match(r"([\w.-]+)==([\w.]+)", entry).groups()  # type: ignore[union-attr]
        found[normal(name)] = version, re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry)
    return found


def pinned() -> dict[str, str]:
    """The versions that the tests use."""
    lines = (line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    return {normal(name): version for name, version in lines}


def test_every_dependency_is_locked_with_hashes_and_in_the_tested_version() -> None:
    needed = {normal(re.split(r"[\[<>=;]", name)[0].strip()) for name in PROJECT["dependencies"]}
    assert needed <= locked().keys()
    assert all(hashes for _, hashes in locked().values())
    tested = pinned()
    assert {name: version for name, (version, _) in locked().items() if tested.get(name, version) != version} == {}


def test_every_needed_package_is_locked() -> None:
    """Each requirement of a locked package, on this platform, is locked as well. Run `make lock` after a change."""
    missing = {
        (name, requirement)
        for name in locked()
        if is_installed(name)
        for requirement in importlib.metadata.requires(name) or ()
        if "extra ==" not in requirement
        and is_installed(needed := normal(re.split(r"[\s\[<>=!~;(]", requirement)[0]))
        and needed not in locked()
        and ";" not in requirement
    }
    assert missing == set()


def is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@pytest.mark.parametrize("name", [name for name in locked() if is_installed(name)])
def test_a_package_has_a_permissive_license(name: str) -> None:
    expression = license_of(name)
    alternatives = [alternative.strip("( )") for alternative in expression.split(" OR ")]
    assert any(set(each.split(" AND ")) <= PERMISSIVE for each in alternatives), expression


def license_of(name: str) -> str:
    """The license expression of an installed package (PEP 639), or what older fields say."""
    metadata = importlib.metadata.metadata(name)
    classified = {CLASSIFIERS[each] for each in metadata.get_all("Classifier") or () if each in CLASSIFIERS}
    text = metadata["License"] or "none"
    return metadata["License-Expression"] or " AND ".join(sorted(classified)) or TEXTS.get(text, text)


CHECKED = {"name": "one", "version": "1", "vulns": []}
VULNERABLE = {"name": "two", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
UNKNOWN = {"name": "three", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("packages", "code", "message"),
    [
        ([CHECKED], 0, "1 packages, no known vulnerability"),
        ([CHECKED, VULNERABLE], 1, "two 2: PYSEC-1, fixed in 2.1"),
        ([CHECKED, UNKNOWN], 2, "1 of 2 packages could not be checked"),
        ([UNKNOWN, VULNERABLE], 1, "two 2: PYSEC-1"),
        ([], 2, ""),
    ],
    ids=["clean", "vulnerable", "without data", "vulnerable, and without data", "nothing"],
)
def test_the_audit_says_what_it_could_not_check(
    tmp_path: Path, packages: list[dict[str, object]], code: int, message: str
) -> None:
    done = audit(tmp_path, f"import json\nprint(json.dumps({{'dependencies': {packages!r}}}))")
    assert (done.returncode, message in done.stdout + done.stderr) == (code, True), done


def test_an_audit_that_fails_checks_nothing(tmp_path: Path) -> None:
    done = audit(tmp_path, "import sys\nsys.exit('no network')")
    assert (done.returncode, "nothing was checked: no network" in done.stderr) == (2, True), done


def audit(folder: Path, program: str) -> "subprocess.CompletedProcess[str]":
    """Run the audit with this program in place of pip-audit."""
    fake = folder / "pip-audit"
    fake.write_text(f"#!{sys.executable}\n{program}\n")
    fake.chmod(0o755)
    command = [sys.executable, str(ROOT / ".ci" / "audit.py"), str(fake), "requirements.lock", "pypi"]
    return subprocess.run(command, capture_output=True, text=True, check=False)
