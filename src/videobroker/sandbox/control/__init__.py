"""The sandbox's own API under `/_sandbox`. None of its routes is counted, logged or open to faults."""
