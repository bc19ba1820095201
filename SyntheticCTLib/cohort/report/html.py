"""The pieces of an HTML page without anything from elsewhere: no scripts, no fonts, pictures as data URIs.

Functions named after what they make take plain text (and escape it) or, where they say markup, what others here return.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: #202124; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 0 1.2rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 1.6rem 0 .6rem; }
h2 { font-size: 1.35rem; margin: 2.8rem 0 .6rem; padding-top: .9rem; border-top: 2px solid #dadce0; }
h3 { font-size: 1.08rem; margin: 1.8rem 0 .4rem; }
p { margin: .5rem 0; max-width: 46rem; }
.private { background: #b3261e; color: #fff; padding: .8rem 1rem; border-radius: 6px; font-weight: 600;
  max-width: none; }
.notice { background: #fef7e0; border-left: 4px solid #f9ab00; padding: .6rem 1rem; max-width: none; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #e8eaed; }
th { font-weight: 600; color: #3c4043; }
dl { display: grid; grid-template-columns: 11rem 1fr; gap: .4rem 1rem; margin: .8rem 0; }
dt { font-weight: 600; color: #3c4043; } dd { margin: 0; max-width: 44rem; }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; }
figcaption { font-size: .88rem; color: #5f6368; max-width: 46rem; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: .5rem; }
.sheet figure { margin: 0; background: #000; border-radius: 4px; overflow: hidden; }
.sheet figcaption { color: #e8eaed; padding: .1rem .5rem .3rem; }
.bad { color: #b3261e; font-weight: 600; } .good { color: #137333; font-weight: 600; }
.unknown { color: #5f6368; font-weight: 600; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .92em; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dt { margin-top: .5rem; } }
@media print { body { max-width: none; } h2 { break-after: avoid; } figure, dl { break-inside: avoid; } }
"""


def page(title: str, body: Iterable[str]) -> str:
    """The whole document. body: markup."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """A heading, with an anchor made of its text."""
    return f'<h{level} id="{anchor(text)}">{escape(text)}</h{level}>'


def anchor(text: str) -> str:
    """What a heading can be linked by."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; kind: "private" or "notice" for one that stands out."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def marked(text: str, kind: str) -> str:
    """Markup of a few words; kind: "good", "bad", "unknown"."""
    return f'<span class="{kind}">{escape(text)}</span>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], marks: Sequence[str] | None = None) -> str:
    """A table. marks: the kind ("good", "bad", "unknown" or "") of each row's last cell."""
    lines = ["<table>", "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"]
    for number, row in enumerate(rows):
        cells = [escape(cell) for cell in row]
        if marks and marks[number]:
            cells[-1] = marked(row[-1], marks[number])
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of terms; the second of each pair is markup."""
    return "<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{markup}</dd>" for term, markup in pairs) + "</dl>"


def bullets(lines: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def figure(uri: str, caption: str) -> str:
    """A picture with what it shows; the caption is its alternative text too."""
    return f'<figure><img src="{uri}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'


def sheet(tiles: Iterable[tuple[str, str]]) -> str:
    """Small pictures (caption, uri) side by side."""
    return '<div class="sheet">' + "".join(figure(uri, caption) for caption, uri in tiles) + "</div>"
