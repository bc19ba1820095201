"""The blinded reading of real and synthetic scans, from two folders of scans to a report with confidence intervals.

`planning` makes a study folder and the key that tells which case is which, `study` opens the folder, `reading` leads
one reader through it and keeps the answers, `simulated` is a reader without a person, `machine` a classifier that
reads beside the people, `report` says what came out.
Opening and reading need nothing beyond Python itself, for they run inside Slicer.
"""
