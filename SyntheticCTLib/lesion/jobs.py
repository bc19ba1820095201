"""The jobs of this room, by importing the files that hold them: "lesion.paint", "lesion.place", "lesion.models",
"lesion.train", "lesion.evaluate"."""

from . import evaluation_jobs, paint_jobs, train_jobs  # noqa: F401, importing registers them
