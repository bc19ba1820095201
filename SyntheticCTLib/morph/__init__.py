"""The morph: two CTs in, a third body out.

`register.register` finds the `path.MorphPath` between two bodies (engines in `backends`), `warping.morph` warps a CT
and its labels along it, `metadata` their records; `gate.assess` judges the result and `sheet` draws it. `jobs` is
what the command line and other programs run.
"""
