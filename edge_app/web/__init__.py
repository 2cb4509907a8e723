"""The scanner's screen for a browser. Loaded only when it is asked for."""
