"""The figures of docs/benchmarks/routing.md, each measured by a module of its own; see scripts/bench-routing."""
