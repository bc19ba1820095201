"""The five attacks in words: what the attacker does, what came out, what that means and what it does not prove."""

from __future__ import annotations

from dataclasses import dataclass

from ..planning.settings import PlanSettings
from ..privacy.lineups import LineUp
from ..privacy.scans import REGISTER_MM
from ..privacy.statistics import Estimate, Measured
from ..privacy.undoing import ENGINE
from . import figures
from .content import Content
from .remedies import lowering_closeness, lowering_found, lowering_membership

MOST_LEAKS = 40
"""Leaks that are listed; the rest are counted."""


@dataclass(frozen=True)
class Attack:
    """One attack as it stands on the page. kind: "bad" if it works, "good" if it was not seen to, "unknown" if it could
    not be measured; verdict: the same in a few words. remedies: sentences, where it works. pictures: (data URI,
    caption). rows: a table's lines, with `head`."""

    title: str
    does: str
    number: str
    chance: str
    n: str
    kind: str
    verdict: str
    means: str
    not_proved: str
    remedies: tuple[str, ...] = ()
    pictures: tuple[tuple[str, str], ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def all_attacks(content: Content) -> list[Attack]:
    """The five, in the order of the page."""
    return [
        _closeness(content),
        _undoing(content),
        _averaging(content),
        _membership(content),
        _leaks(content),
    ]


def _closeness(content: Content) -> Attack:
    found = content.closeness
    pictures, copies = (), ""
    if found.outputs and found.held_out:
        copies = f" {found.copies} of {len(found.outputs)} attacked outputs are nearer than every held-out scan."
        caption = (
            "Each dot is a scan; the line is the median. Outputs that lie left of the held-out scans are too near."
        )
        pictures = ((figures.closeness_plot(found), caption),)
    return Attack(
        "Attack 1: is an output nearer to a real scan than a stranger would be?",
        "Lays each attacked output on every original of its region, without undoing anything, and takes the smallest "
        "distance (1 minus the correlation of HU on a 4 mm grid; 0 is the same scan). The yardstick are the held-out "
        "scans: real people who were in no morph, measured the same way.",
        _told("An output is nearer than a held-out scan with probability", found.nearer) + copies,
        "0.50: an output would be as far from the originals as a new person is.",
        f"{len(found.outputs)} outputs of {len(set(content.line_ups.sources))} sources; {len(found.held_out)} held-out "
        "scans",
        *_verdict(found.nearer, "Outputs are nearer than strangers", "No output was seen to be too near"),
        "Above 0.50, outputs stay nearer to the scan they were made from (at this coarse scale: its shape and its "
        "large structures) than people are to each other. An output at distance 0.02 or less is practically a copy.",
        "It undoes nothing and sees nothing finer than 4 mm: a large distance is no proof that a person cannot be "
        "found; the second attack goes further.",
        tuple(lowering_closeness(content)) if found.nearer.succeeds else (),
        pictures,
    )


def _undoing(content: Content) -> Attack:
    line_ups = content.line_ups.all
    caption = (
        "One column for each attacked output. Where the blue mark stands above all grey ones, the source is found. The "
        "grey ones are what strangers reach by chance."
    )
    return Attack(
        "Attack 2: undo the morph",
        "Has the scans of everyone in the line-up (sources, other subjects and held-out people of the region) and this "
        f"program. Registers each of them onto the output ({ENGINE}, {REGISTER_MM:g} mm grid), compares the fine "
        "texture (vessels, mottling) block by block and names the one that fits best.",
        _told("Share of attempts in which the true source comes first:", content.first),
        _chance(content.first),
        _people(line_ups),
        *_verdict(content.first, "The source is found", "The source was not found more often than by guessing"),
        "A morph moves its source's voxels; it does not change what they show. Whoever already holds a person's scan "
        "can tell by its texture whether, and where, it was used. Compare with fingerprints: it takes the finger to "
        "match.",
        "It takes the original to find the original: this neither rebuilds a scan nor names anyone to an attacker "
        "without scans. A better registration or a finer grid would find more, so a failure here is no proof of "
        "safety. The target of a morph, which lends only its shape, is not looked for.",
        tuple(lowering_found(content, ("t_min", "redraws", "min-distance"))) if content.first.succeeds else (),
        ((figures.undoing_plot(line_ups), caption),) if line_ups else (),
    )


def _averaging(content: Content) -> Attack:
    results = content.averaging
    most = results[-1] if results else None
    averaged = most.averaged if most else None
    number = "not measurable here: n = 0 sources with two outputs or more"
    if most:
        number = (
            f"With {most.count} outputs averaged the source comes first in {averaged.text()}; with one of them in "
            f"{most.single.text()}. Its likeness changes by {most.gain:+.3f}."
        )
    works = isinstance(averaged, Estimate) and averaged.succeeds
    return Attack(
        "Attack 3: average several outputs of one source",
        "Is told which outputs come from one source (a real attacker would have to guess that), registers them onto "
        "one of them, takes the mean, so that what the morphs spoiled cancels out, and then does attack 2 on the mean.",
        number,
        _chance(averaged) if averaged else "-",
        f"{averaged.n} sources" if isinstance(averaged, Estimate) else "n = 0",
        *(
            _verdict(averaged, "The source is found from the mean", "The source was not found from the mean")
            if averaged
            else ("unknown", "Not measurable here")
        ),
        _gain_words(most.gain if most else None),
        "The mean of more outputs than were averaged here may say more. Outputs were grouped with the key; whether an "
        "attacker can group them without it was not tried.",
        tuple(lowering_found(content, ("per_source",))) if works else (),
        ((figures.averaging_plot(results), "The rate with its 95 % interval, by how many outputs there were."),)
        if results
        else (),
    )


def _gain_words(gain: float | None) -> str:
    if gain is None:
        return "Nothing can be said: no attacked source has a second output."
    if gain > 0:
        return (
            "The mean is more like the source than one output is: every further output of a person tells more about "
            "that person. This is what per_source is for."
        )
    return (
        "The mean is no more like the source than one output is: at this grid, errors of laying the outputs on each "
        "other cost more than averaging gains. Further outputs of a source told no more about it."
    )


def _membership(content: Content) -> Attack:
    found = content.membership
    caption = (
        "Each dot is a person: how like the most alike attacked output is. Groups that overlap cannot be told apart."
    )
    return Attack(
        "Attack 4: was this person used?",
        "Holds one person's scan and the data set, undoes every attacked output with it as in attack 2, and takes the "
        "best likeness as a score: high scores are said to have been used.",
        _told("Area under the ROC curve:", found.area),
        "0.50: a coin.",
        f"{len(found.members)} sources of attacked outputs; {len(found.strangers)} held-out people",
        *_verdict(found.area, "Who was used can be told", "Who was used could not be told"),
        "An area of 0.9 says: of one who was used and one who was not, nine times in ten the right one is pointed at. "
        "That someone was a source says that he or she was scanned at the contributing hospital, perhaps with the "
        "disease the data set is about.",
        "Only people whose outputs were attacked count as used; with all outputs attacked the score of each can only "
        "grow. An area of 1 from a small n means that no mistake was seen, not that there are none.",
        tuple(lowering_membership(content)) if found.area.succeeds else (),
        ((figures.membership_plot(found), caption),) if found.members and found.strangers else (),
    )


def _leaks(content: Content) -> Attack:
    found = content.search
    leaks = found.leaks
    grid = content.grid
    remedies = []
    if leaks:
        remedies.append("Remove what is listed, or the files it is in, before anything is published.")
    if grid.succeeds:
        remedies.append(_one_grid(content.cohort.plan.settings))
    listed = [(leak.file, leak.what, leak.text) for leak in leaks[:MOST_LEAKS]]
    if len(leaks) > MOST_LEAKS:
        listed.append((f"and {len(leaks) - MOST_LEAKS} more", "", ""))
    return Attack(
        "Attack 5: read the public files",
        "Searches names, texts, tables and the headers of NIfTI files for ids, file names, hashes and seeds of this "
        "plan, for exact percentages, and for anything that looks like a date, a clock time, a UID or an absolute "
        "path. Then looks whether size, spacing and tilt of an output's voxel grid are those of any originals (under "
        "a common spacing: those that any original would be given), and guesses among these. Only the source is "
        "looked for by its grid, not the target.",
        f"{len(leaks)} finds. {_told('Share of attempts in which the voxel grid alone names the source:', grid)}",
        f"0 finds; for the grid {_chance(grid)}",
        f"{found.files} files, {found.secrets} secrets ({found.skipped} more are too short to look for, or outputs "
        f"are called so); {_people(content.line_ups.all)}",
        *_leak_verdict(bool(leaks), grid),
        "Texts and headers are the cheapest road to a person; nobody needs to know anything about images for it.",
        "Names written into the voxels (burned in), and names or diagnoses in free words that are in no list, are not "
        f"recognised. {found.own} of the names are words that every cohort's files hold and were not looked for where "
        "these stand. Exports lie in other folders and were not searched. The metadata (age, sex, findings) may single "
        "someone out together with other knowledge; that was not tried.",
        tuple(remedies),
        (),
        ("file", "what", "as found"),
        tuple(listed),
    )


def _one_grid(settings: PlanSettings) -> str:
    """Which setting would give all outputs one grid, and its price."""
    price = "no output has to be left out for that, but what lies beyond the common extent is cut off."
    if settings.spacing is None:
        return (
            f"Plan with --spacing and --size, so that all outputs have one grid (size, spacing, tilt); {price} "
            f"{_GRID_SETTING[settings.grid]}"
        )
    return f"The common spacing leaves every scan its own extent. Plan with --size as well; {price}"


_GRID_SETTING = {
    "source": "Another --grid is no way out: with target, outputs tell by their grid who lent the shape, and with fit "
    "spacing and tilt are still the source's.",
    "target": "The grid is the target's here, and the source has the same; it tells who lent the shape as well.",
    "fit": "Spacing and tilt are the source's here; with another --grid the size would be somebody's, too.",
}
"""What the plan's setting of the grid has to do with it."""


def _leak_verdict(leaks: bool, grid: Measured) -> tuple[str, str]:
    if leaks:
        return "bad", "Something is in the public files"
    if not isinstance(grid, Estimate):
        return "unknown", "No text was found; whether the voxel grid tells the source is not measurable here"
    if grid.succeeds:
        return "bad", "The voxel grid gives the source away"
    return "good", f"Nothing was found; up to {grid.high:.2f} by the grid is compatible with what was seen"


def _verdict(measured: Measured, works: str, fails: str) -> tuple[str, str]:
    if not isinstance(measured, Estimate):
        return "unknown", "Not measurable here"
    if measured.succeeds:
        return "bad", f"{works}: the attack works"
    return "good", f"{fails}; up to {measured.high:.2f} is compatible with what was seen"


def _told(before: str, measured: Measured) -> str:
    """A sentence that ends with the number, or says alone why there is none."""
    if isinstance(measured, Estimate):
        return f"{before} {measured.text()}."
    text = measured.text()
    return f"{text[0].upper()}{text[1:]}."


def _chance(measured: Measured) -> str:
    return f"{measured.chance:.3f}: guessing blindly." if isinstance(measured, Estimate) else "-"


def _people(line_ups: tuple[LineUp, ...]) -> str:
    if not line_ups:
        return "n = 0 attacked outputs"
    sizes = sorted({len(one.candidates) for one in line_ups})
    crowd = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"{len(line_ups)} outputs of {len({one.source for one in line_ups})} sources, each before {crowd} originals"
