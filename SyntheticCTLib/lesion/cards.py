"""The model card as a page for people (after Mitchell et al. 2019, "Model cards for model reporting")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def render_card(card: Mapping[str, Any]) -> str:
    """The card in Markdown."""
    low, high = card["window"]
    lines = [
        f"# {card['name']}",
        "",
        f"Paints: {card['lesion']} in the {card['region']}. For research, not for diagnosis.",
        "",
        f"- **Units**: {_units(card)}",
        f"- **Window**: {low:g} to {high:g} HU; a painted voxel lies within.",
        f"- **Spacing it was trained on**: {_spacing(card['spacing'])}",
        f"- **Network**: pix2pix, preset `{card['network']['name']}`, {card['bytes'] / 1e6:.1f} MB in half precision.",
        f"- **SHA-256** of the weights: `{card['sha256']}`",
        "",
    ]
    lines += _section("Training data", card.get("data"))
    lines += _section("Made by", card.get("made_by"))
    lines += _section("Measured", card.get("metrics"))
    lines += _section("Limits", card.get("limits"))
    return "\n".join(lines).rstrip() + "\n"


def _units(card: Mapping[str, Any]) -> str:
    if card["units"] == "hu":
        return "Hounsfield units."
    fitted = card.get("hu_map", {})
    parts = ("crop units, turned into Hounsfield units by a fitted line.", fitted.get("text"), fitted.get("error"))
    return " ".join(part for part in parts if part)


def _spacing(spacing: Mapping[str, Any]) -> str:
    parts = [
        f"{what} {limits[0]:g} to {limits[1]:g} mm" if limits else f"{what} unknown"
        for what, limits in (("in plane", spacing.get("in_plane_mm")), ("slices", spacing.get("slice_mm")))
    ]
    return ", ".join(parts) + (f" ({spacing['note']})" if spacing.get("note") else "")


def _section(title: str, content: Any) -> list[str]:
    if not content:
        return []
    return [f"## {title}", "", *_items(content), ""]


def _items(content: Any, indent: str = "") -> list[str]:
    """Nested lists of a value of JSON."""
    if isinstance(content, Mapping):
        lines = []
        for key, value in content.items():
            if value is None or value in ((), [], {}):
                continue
            if isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str)):
                lines += [f"{indent}- {key}:", *_items(value, indent + "  ")]
            else:
                lines.append(f"{indent}- {key}: {value}")
        return lines
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [
            line
            for value in content
            for line in ([f"{indent}- {value}"] if not isinstance(value, Mapping) else _items(value, indent))
        ]
    return [f"{indent}{content}"]
