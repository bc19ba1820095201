"""Where a synthetic scan stands in the subject hierarchy: under a subject of its own, never under a patient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import slicer


def place_synthetic(scene, subject: str, nodes: Iterable[Any], study: str = "Morph") -> None:
    """Put nodes under a new subject with a study of its own; neither has any DICOM attribute.

    subject: what it is called, such as "SYNTHETIC 1f0c2b7a9d3e". study: what the study is called.
    """
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    subject_item = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), subject)
    study_item = hierarchy.CreateStudyItem(subject_item, study)
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if item == hierarchy.GetInvalidItemID():
            item = hierarchy.CreateItem(study_item, node)
        hierarchy.SetItemParent(item, study_item)
