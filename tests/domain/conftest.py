"""How the properties are searched."""

from hypothesis import HealthCheck, settings

# No stopwatch: these are pure functions, and a busy machine is not a broken promise.
settings.register_profile("patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
