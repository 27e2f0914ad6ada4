"""Other ways to write such a service, doing the same durable work and none of the checks."""
