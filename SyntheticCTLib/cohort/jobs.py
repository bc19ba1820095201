"""The jobs of this room, by importing the files that hold them: "cohort.phantoms", "cohort.plan", "cohort.run",
"cohort.export", "cohort.report"."""

from .export import jobs as export_jobs  # noqa: F401, importing registers them
from .planning import jobs as planning_jobs  # noqa: F401
from .report import jobs as report_jobs  # noqa: F401
from .running import jobs as running_jobs  # noqa: F401
