"""A finished cohort in the formats others read: the Medical Segmentation Decathlon and DICOM.

`selection` says which cases may leave, `msd` and `dicom_ct` with `dicom_seg` write them, `card` describes what was
written and what was left out. Nothing of the cohort's private folder ever reaches an export.
"""
