"""Carrying a plan out on `dask.distributed`: each output one task, nothing lost when anything is killed."""
