"""The benchmark: every figure of the performance budget, and the peers'."""
