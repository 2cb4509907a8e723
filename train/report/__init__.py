"""The report of a run: `RUN/report.html`."""
