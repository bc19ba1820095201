"""Can an independent judge tell painted lesions from real ones?

The judge is trained anew for every painter, on that painter's lesions: half of it is a small network that looks at
patches, half are models that look at features. It is cross-validated by patient, so it never judges a patient that
it has seen, and its area under the ROC curve (AUC) is 0.5 where painted lesions cannot be told from real ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .intervals import Interval, bootstrap
from .patches import PatchPairs
from .radiomics import context_features, features
from .realism_network import NetworkTraining, network_scores

FOLDS = 4
"""Parts the patients are divided into; each is judged by a judge trained on the others."""

MIN_JUDGED_PATIENTS = 40
"""With fewer patients a judge that finds nothing may only be badly trained."""

STRONG_AUC = 0.9
"""A judge counts only if it tells constant plus noise from real lesions at least this well."""

BIN_WIDTH = 4.0
"""Grey levels per bin of the features that are looked at."""


@dataclass(frozen=True)
class Realism:
    """AUC of the judge and of its two halves alone; n lesions of each kind, of so many patients."""

    auc: Interval
    network_auc: float
    features_auc: float
    n: int
    patients: int


def realism(
    pairs: PatchPairs, seed: int = 0, use_mask: bool = True, training: NetworkTraining | None = None
) -> Realism:
    """Judge painted against real lesions.

    use_mask: tell the judge where the lesion lies (the harder test); otherwise only the network judges, from the patch
    alone. Takes about two minutes for 750 lesions on one core. Raises InputError with fewer than FOLDS patients.
    """
    parts = _fold_of(pairs.patients, seed)
    network = np.empty((2, len(pairs)))
    for fold in range(FOLDS):
        train, test = parts != fold, parts == fold
        network[:, test] = network_scores(_part(pairs, train), _part(pairs, test), use_mask, seed + fold, training)
    by_features = _feature_scores(pairs, parts, seed) if use_mask else network
    both = _ranked((_probability(network) + _probability(by_features)) / 2, parts)  # who is sure counts for more
    network, by_features = _ranked(network, parts), _ranked(by_features, parts)
    patients = np.tile(pairs.patients, 2)
    return Realism(
        bootstrap(lambda weights: _auc(both, weights), patients, seed),
        _auc(network),
        _auc(by_features),
        len(pairs),
        len(set(pairs.patients)),
    )


def _fold_of(patients: np.ndarray, seed: int) -> np.ndarray:
    """(N,) the fold that each lesion is judged in."""
    names, which = np.unique(patients, return_inverse=True)
    if len(names) < FOLDS:
        raise InputError(f"There are lesions of {len(names)} patients; a judge needs those of at least {FOLDS}.")
    return (np.random.default_rng(seed).permutation(len(names)) % FOLDS)[which]


def _part(pairs: PatchPairs, chosen: np.ndarray) -> PatchPairs:
    return PatchPairs(pairs.real[chosen], pairs.painted[chosen], pairs.mask[chosen], pairs.patients[chosen])


def _feature_scores(pairs: PatchPairs, parts: np.ndarray, seed: int) -> np.ndarray:
    """(2, N) log odds of being painted, from gradient boosting and logistic regression on features, averaged."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer

    real, painted = (
        np.stack([_looked_at(patch, mask) for patch, mask in zip(patches, pairs.mask, strict=True)])
        for patches in (pairs.real, pairs.painted)
    )
    scores = np.empty((2, len(pairs)))
    for fold in range(FOLDS):
        train, test = parts != fold, parts == fold
        rows, truth = np.concatenate([real[train], painted[train]]), np.repeat([0, 1], train.sum())
        judged = np.concatenate([real[test], painted[test]])
        models = [
            HistGradientBoostingClassifier(max_iter=150, learning_rate=0.06, max_leaf_nodes=12, random_state=seed),
            make_pipeline(
                QuantileTransformer(n_quantiles=min(100, len(rows)), output_distribution="normal", random_state=seed),
                LogisticRegression(C=0.3, max_iter=2000),
            ),
        ]
        odds = [model.fit(rows, truth).decision_function(judged) for model in models]
        scores[:, test] = np.mean(odds, axis=0).reshape(2, -1)
    return scores


def _looked_at(patch: np.ndarray, mask: np.ndarray) -> np.ndarray:
    volume, where = patch[None].astype(np.float32), mask[None]
    return np.concatenate([features(volume, where, BIN_WIDTH), context_features(volume, where)])


def _probability(scores: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-scores))


def _ranked(scores: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Scores (2, N) as ranks from 0 to 1 among those of the same fold.

    Every fold has a judge of its own, and one judge's scores may lie above another's: pooled as they are, they would
    mix the ranking of lesions with that of judges, and the AUC would come out too low.
    """
    from scipy.stats import rankdata

    ranks = np.empty(scores.shape)
    for fold in np.unique(parts):
        own = scores[:, parts == fold]
        ranks[:, parts == fold] = (rankdata(own).reshape(own.shape) - 0.5) / own.size
    return ranks


def _auc(scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Area under the ROC curve of scores (2, N), real and painted."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(np.repeat([0, 1], scores.shape[1]), scores.ravel(), sample_weight=weights))
