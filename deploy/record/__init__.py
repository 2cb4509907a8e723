"""The record of scanned stones, as it lies on a disk: what it holds, and how it is read.

It is here and not with the scanner, since the workstation reads it too (`gemscan data collect`).
What writes it is `edge_app/record/`.
"""
