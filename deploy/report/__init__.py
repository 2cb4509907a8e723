"""A report: one HTML file that needs no network, of a training run or of an evaluation.

`page.py` knows how a report looks and nothing of gems; `answers.py` is what a model said; the
files between make one section each out of it.
"""
