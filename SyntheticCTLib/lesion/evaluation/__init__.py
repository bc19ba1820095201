"""Whether what was painted is good: held-out patients, baselines, judges, a report."""
