"""Operator keys on the command line."""

import json

from cli.program import CommandRunner


def test_a_key_is_created_listed_and_revoked(videobroker: CommandRunner) -> None:
    made = videobroker.succeed("operator-keys", "create", "terraform", "--role", "admin")
    (key,) = made.out.splitlines()
    assert key.startswith("vbo_")
    assert "not shown again" in made.err
    (listed,) = json.loads(videobroker.succeed("operator-keys", "list", "--json").out)
    assert (listed["name"], listed["role"], listed["begins_with"]) == ("terraform", "admin", key[:10])
    assert listed["last_used_at"] is None
    assert key not in videobroker.succeed("operator-keys", "list").output
    videobroker.succeed("operator-keys", "revoke", listed["id"])
    (revoked,) = json.loads(videobroker.succeed("operator-keys", "list", "--json").out)
    assert revoked["revoked_at"] is not None
    unknown = videobroker("operator-keys", "revoke", "0195d3c2-9a10-7c55-9c1e-6f2b8d1e4a79")
    assert unknown.code == 1
