"""The jobs of this room, by importing the files that hold them: "lesion.paint", "lesion.place", "lesion.models",
"lesion.train", "lesion.evaluate"."""

from .evaluation import jobs as evaluation_jobs  # noqa: F401, importing registers them
from .painting import jobs as painting_jobs  # noqa: F401
from .training import jobs as training_jobs  # noqa: F401
