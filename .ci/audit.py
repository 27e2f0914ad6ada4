"""Checks the locked packages for known vulnerabilities with pip-audit. Standard library only.

Exit code: 0 without a known vulnerability, 1 with one, and 2 if a package could not be checked. pip-audit itself
succeeds if it finds no advisory data at all.
"""

import json
import subprocess
import sys

NO_DATA = """{missing} of {all} packages could not be checked: no advisory data about them is available here.
The audit needs access to the Python Package Index, or to osv.dev (AUDIT_SERVICE=osv)."""


def main(pip_audit, lock, service):
    """Audit `lock` with the program `pip_audit`; returns the exit code."""
    command = [pip_audit, "--require-hashes", "--disable-pip", "--format", "json", "-s", service, "-r", lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip() or "it printed nothing").splitlines()[-1]
        print(f"pip-audit failed, so that nothing was checked: {reason}", file=sys.stderr)
        return 2
    found = [(each, vulnerability) for each in packages for vulnerability in each.get("vulns", [])]
    for package, vulnerability in found:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
        print("{name} {version}: {id}, fixed in {fixed}".format(**package, id=vulnerability["id"], fixed=fixed))
    missing = [each for each in packages if "skip_reason" in each]
    if missing:
        print(NO_DATA.format(missing=len(missing), all=len(packages)), file=sys.stderr)
    if found:
        return 1
    if missing or not packages:
        return 2
    print(f"{len(packages)} packages, no known vulnerability")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
