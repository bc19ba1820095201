"""Is a painted lesion good? Measures that compare it with the real one, each with what it can and cannot say.

`image_metrics` compares voxel by voxel, `radiomics` and `distances` by what lesions look like as a set, `realism`
trains a judge to tell painted from real, `detection` asks a segmenter that knows real lesions only, `consistency` looks
from slice to slice. `intervals` puts a confidence interval by patient on all of them.
"""
