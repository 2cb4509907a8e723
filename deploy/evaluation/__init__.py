"""`gemscan evaluate` and `gemscan compare`: how right a bundle is, and what it lost on the way."""
