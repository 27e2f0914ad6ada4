"""Hypothesis profiles: how many examples the property tests generate."""

import os

from hypothesis import HealthCheck, Phase, settings

# No deadline: the functions are pure, and slow only on a busy machine.
settings.register_profile("patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# `make mutate` runs the tests for every mutant, several times in one process: fewer examples, the same in every run.
# A failing example kills the mutant. To simplify it could take longer than the time limit.
settings.register_profile(
    "mutation",
    settings.get_profile("patient"),
    max_examples=15,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))
