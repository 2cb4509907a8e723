"""`gemscan cameras` and `gemscan calibrate-camera`: what is plugged in, and its light."""
