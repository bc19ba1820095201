"""The jobs of this room, by importing the files that hold them: "review.plan", "review.simulate", "review.machine",
"review.report"."""

from .machine import jobs as machine_jobs  # noqa: F401, importing registers them
from .planning import jobs as planning_jobs  # noqa: F401
from .report import jobs as report_jobs  # noqa: F401
