"""The scanner's screen in any browser: live picture, verdict, corrections, the last stones."""
