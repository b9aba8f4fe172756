"""The benchmark: measures the performance budget, and other programs beside it."""
