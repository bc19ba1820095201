"""The classifier: logistic regression on few features, which few patients can teach.

A network would learn the patients by heart. Every feature is brought to mean 0 and standard deviation 1 over the
training scans, cut off at `FARTHEST`, so that one odd scan decides nothing, and the weights are held small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FOLDS = 5
"""Parts the training patients are divided into; each is judged by a classifier trained on the others."""

RESTRAINT = 0.05
"""scikit-learn's C: the smaller, the smaller the weights. Chosen once for 20 to 60 patients, never for a study."""

FARTHEST = 3.0
"""Standard deviations."""


@dataclass(frozen=True)
class Validated:
    """A training scan, judged by a classifier that had none of its patient. score: how likely it is synthetic. rank: of
    the score among those of its fold, 0 to 1; scores of two folds come from two classifiers and do not compare."""

    synthetic: bool
    score: float
    rank: float


class Classifier:
    """Trained on rows (N, F) of features (nan where unknown) and whether each is synthetic (N,); F is kept."""

    def __init__(self, rows: np.ndarray, synthetic: np.ndarray) -> None:
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer, StandardScaler

        self._pipeline = make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True),
            StandardScaler(),
            FunctionTransformer(np.clip, kw_args={"a_min": -FARTHEST, "a_max": FARTHEST}),
            LogisticRegression(C=RESTRAINT, max_iter=5000, class_weight="balanced"),
        )
        self._pipeline.fit(rows, synthetic)

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """(N,) how likely each is synthetic, 0 to 1."""
        return self._pipeline.predict_proba(rows)[:, 1]

    @property
    def weights(self) -> np.ndarray:
        """(F,) what a standard deviation more of each feature adds to the log odds of being synthetic."""
        return self._pipeline[-1].coef_[0]


def validate(rows: np.ndarray, synthetic: np.ndarray, patients: Sequence[str], seed: int) -> tuple[Validated, ...]:
    """Cross-validate on the training scans; all scans of a patient, of both groups, are in one fold.

    patients: whose voxels each row shows. That two synthetic scans of one shape can be in two folds is accepted: the
    features know nothing of shapes. The folds are drawn by the seed.
    """
    from scipy.stats import rankdata
    from sklearn.model_selection import StratifiedGroupKFold

    scores, ranks = np.empty(len(rows)), np.empty(len(rows))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(rows, synthetic, patients):
        scores[test] = Classifier(rows[train], synthetic[train]).scores(rows[test])
        ranks[test] = (rankdata(scores[test]) - 0.5) / len(test)
    return tuple(
        Validated(bool(truth), round(float(score), 6), round(float(rank), 6))
        for truth, score, rank in zip(synthetic, scores, ranks, strict=True)
    )
