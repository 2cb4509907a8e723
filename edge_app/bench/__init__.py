"""`gemscan bench`: frames per second and latency, stage by stage."""
