"""Fitting what the decision needs: temperature, thresholds and familiarity. No torch is needed."""
