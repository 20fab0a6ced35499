"""The workers that the benchmarks compare, each run as a process of its own."""
