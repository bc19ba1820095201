"""What a cohort will be: its subjects, its settings, the three draws, and the plan they make."""

from .drawing import percents
from .plan import Plan, PlannedOutput, read_plan, write_plan
from .settings import PlanSettings
from .subjects import LabelFile, Subject

__all__ = ["LabelFile", "Plan", "PlanSettings", "PlannedOutput", "Subject", "percents", "read_plan", "write_plan"]
