"""What a cohort gives away about the scans it was made from.

`nearness` measures how far an output is from an original; the attacks of the report lie beside it.
"""
