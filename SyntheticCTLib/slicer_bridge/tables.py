"""Tables of the scene: metadata records in and out, and the quality report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import vtk

from ..errors import InputError


def read_record(node) -> dict[str, Any]:
    """One patient's metadata record from a table node: either two columns (field, value) or one row with a column
    for each field. Raises InputError for any other table."""
    table = node.GetTable()
    rows, columns = table.GetNumberOfRows(), table.GetNumberOfColumns()
    if columns == 2:
        return {
            str(table.GetValue(row, 0).ToString()): _plain(table.GetValue(row, 1))
            for row in range(rows)
            if table.GetValue(row, 0).ToString()
        }
    if rows == 1:
        return {table.GetColumnName(column): _plain(table.GetValue(0, column)) for column in range(columns)}
    raise InputError(
        f"{node.GetName()} has {rows} rows and {columns} columns; a metadata table has two columns (field, value) or "
        "one row with a column for each field."
    )


def add_table(scene, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]):
    """A new table node of text columns."""
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    arrays = []
    for column in columns:
        array = vtk.vtkStringArray()
        array.SetName(column)
        arrays.append(array)
    for row in rows:
        for array, value in zip(arrays, row, strict=True):
            array.InsertNextValue(_text(value))
    table = vtk.vtkTable()
    for array in arrays:
        table.AddColumn(array)
    node.SetAndObserveTable(table)
    node.SetUseColumnTitleAsColumnHeader(True)
    return node


def report_rows(report: Mapping[str, Any]) -> list[tuple[Any, Any, Any]]:
    """The rows (measure, value, unit) of a quality report as `QualityReport.to_dict` gives it."""
    rows = [("verdict", report["verdict"], "")]
    rows += [(f"reason {number}", reason, "") for number, reason in enumerate(report["reasons"], start=1)]
    rows += [(name, measure["value"], measure["unit"]) for name, measure in report["measures"].items()]
    return rows


def _plain(value: vtk.vtkVariant) -> Any:
    if value.IsInt() or value.IsLong() or value.IsLongLong() or value.IsUnsignedInt() or value.IsShort():
        return value.ToInt()
    if value.IsNumeric():
        return value.ToDouble()
    return value.ToString()


def _text(value: Any) -> str:
    if value is None:
        return "not measured"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
