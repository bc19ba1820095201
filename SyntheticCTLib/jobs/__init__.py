"""Jobs: what to do, as data; run in this process or in a child that can be stopped at any moment.

The room knows no kind of job. A room such as `morph` registers its own in `SyntheticCTLib/morph/jobs.py`.

Example:
    >>> from SyntheticCTLib.jobs import ChildJob, JobDocument
    >>> job = ChildJob(JobDocument("morph.register", {...})).start()
    >>> job.poll()        # from a timer; never blocks
    [{'event': 'stage', 'stage': 'reading the images', 'elapsed': 0.4}]
    >>> job.cancel()      # ends the child and all it started; nothing is left behind
"""

from .child import ChildJob
from .context import JobContext
from .document import JobDocument
from .registry import job_kind
from .runner import run_here
from .staging import refuse_existing

__all__ = ["ChildJob", "JobContext", "JobDocument", "job_kind", "refuse_existing", "run_here"]
