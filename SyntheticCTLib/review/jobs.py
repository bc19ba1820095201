"""The jobs of this room, by importing the files that hold them: "review.plan", "review.simulate", "review.report"."""

from .planning import jobs as planning_jobs  # noqa: F401, importing registers them
from .report import jobs as report_jobs  # noqa: F401
