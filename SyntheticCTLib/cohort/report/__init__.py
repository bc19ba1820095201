"""The report on a cohort: one HTML page for the data protection officer and the data scientist.

`content.gather` measures everything, `page.page_of` writes it down with the pictures of `figures`; `jobs` is the job.
"""
