"""Benchmarks (`make bench`). Their results are ratios within one run on one machine."""
