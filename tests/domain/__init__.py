"""What is true: the promises of the pure domain."""
