"""An audit for people: sentences, tables and a picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console, ConsoleOptions, Group
from rich.text import Text

from singerid.analysis.audit.conditions import CONDITIONS, ConditionScores, Conflict
from singerid.analysis.audit.estimate import FEWEST_ALBUMS, SIGNIFICANT, Estimate
from singerid.analysis.audit.outcome import Audit
from singerid.analysis.audit.presence import FEWEST_CLIPS, Presence
from singerid.analysis.audit.splits import SplitScores, System
from singerid.config import SplitKind
from singerid.figures import EstimateGroup, EstimateKind, EstimateRow, draw_estimates
from singerid.system.tables import Table
from singerid.text import counted, decimal_text, interval_text

_SPACE = "\u00a0"  # keeps a number and its unit on one line
_NOT_TRIED = (
    "Whether it goes by the voice or by the accompaniment could not be tested: that needs a store with "
    "vocals and accompaniment."
)
_VERDICTS = {
    "voice": "Where voice and accompaniment disagree, it goes by the voice",
    "accompaniment": "Where voice and accompaniment disagree, it goes by the accompaniment",
    "open": "Whether it goes by the voice or by the accompaniment is not settled",
}
_SPLIT_NOTES = {
    "album": "The test albums were not heard in training: this shows what the albums of one singer have in "
    "common, not what it knows of the albums that it heard.",
    "track": "Its split mixes the tracks of an album: the test tracks' albums were heard in training, and "
    "its scores include what it knows of them.",
    "file": "",
}


def summary(audit: Audit) -> tuple[str, ...]:
    """The result in sentences: how much of the score is the singer, and how much the album."""
    parts = (_verdict, _score, _alone, _effect, _remixing, _splits, _confidence)
    return (*(sentence for part in parts for sentence in part(audit)), *audit.notes)


def audit_json(audit: Audit) -> dict[str, Any]:
    """What `singerid audit --json` prints; RUN/scores.json holds it with the digest of the weights."""
    return {"summary": list(summary(audit))} | audit.to_json()


def _verdict(audit: Audit) -> Iterator[str]:
    if audit.verdict is None:
        yield _NOT_TRIED
        return
    conflict = _conflict(audit)
    few = ""
    if audit.albums < FEWEST_ALBUMS:
        few = f" ({_albums(audit)}, too few to tell: it needs {FEWEST_ALBUMS})"
    yield (
        f"{_VERDICTS[audit.verdict]}{few}: of clips with one singer's vocals over a training album of "
        f"another, it gives {_percent(conflict.voice)} to the one who sings and "
        f"{_percent(conflict.accompaniment)} to the one whose album plays (guessing: {_guess(audit)} each)."
    )


def _score(audit: Audit) -> Iterator[str]:
    own = _own(audit)
    chance = _chance_text(audit, own)
    doubt = "" if _beats_chance(own) else f", which it does not clearly beat on {_albums(audit)}"
    yield (
        f"Hearing the {CONDITIONS[audit.own]}, which it learned on, it has a clip F1 of {_text(own.clip)}; "
        f"chance gives {chance}{doubt}."
    )


def _alone(audit: Audit) -> Iterator[str]:
    accompaniment, vocals = audit.condition("accompaniment"), audit.condition("vocals")
    if accompaniment:
        value, own = accompaniment.clip.value, _own(audit).clip.value
        text = _text(accompaniment.clip)
        if not _beats_chance(accompaniment):
            yield f"The accompaniment alone gives {text}, not clearly more than chance."
        elif value < own:
            yield f"Of {decimal_text(own)}, the accompaniment alone already gives {text}."
        else:
            yield f"The accompaniment alone gives just as much: {text}."
    if vocals and audit.own == "mixture":
        yield f"The vocals alone give {_text(vocals.clip)}."
    if accompaniment and _SPLIT_NOTES[audit.split]:
        yield _SPLIT_NOTES[audit.split]


def _effect(audit: Audit) -> Iterator[str]:
    same, other = audit.condition("remix_same"), audit.condition("remix_other")
    if same and other and audit.accompaniment_effect:
        yield (
            f"The same vocals have {_text(same.clip)} over other albums of their singer and "
            f"{_text(other.clip)} over other singers' albums: whose album plays makes a difference of "
            f"{_signed(audit.accompaniment_effect)}."
        )


def _remixing(audit: Audit) -> Iterator[str]:
    mixture, remix = audit.condition("mixture"), audit.condition("remix_own")
    if mixture and remix:
        own, made = (decimal_text(each.clip.value) for each in (mixture, remix))
        yield (
            f"What remixing itself does: the mixtures give {own}, "
            f"vocals remixed with their own accompaniment {made}."
        )


def _splits(audit: Audit) -> Iterator[str]:
    album, track = _on_split(audit, "baseline", "album"), _on_split(audit, "baseline", "track")
    if album and track:
        yield (
            f"The classical baseline has {_text(album.clip)} where albums are kept whole "
            f"and {_text(track.clip)} where their tracks are mixed."
        )
    if shuffled := _on_split(audit, "baseline, albums shuffled", "track"):
        yield (
            f"There, recognising albums alone gives it {_text(shuffled.clip)}: "
            "this is its score when albums are assigned to singers at random."
        )
    networks = [each for each in audit.splits if each.system == "network"]
    if len(networks) > 1:
        found = " and ".join(f"{_text(each.clip)} on the {each.split} split" for each in networks)
        yield f"The network itself, trained on each, has {found}."


def _confidence(audit: Audit) -> Iterator[str]:
    found = audit.presence
    if found:
        yield _confidence_without_voice(found)
    mixture, vocals = audit.condition("mixture"), audit.condition("vocals")
    if found and found.mixture_less_vocals and mixture and vocals:
        yield (
            f"In the mixture {_percent(mixture.confident)} of clips are above 0.5, in the vocals "
            f"{_percent(vocals.confident)}: {_as_the_paper_says(audit, found.mixture_less_vocals)}."
        )


def _confidence_without_voice(found: Presence) -> str:
    sung, unsung = found.with_voice, found.without_voice
    if sung and unsung and sung.enough and unsung.enough:
        return (
            f"Confidence is above 0.5 in {_percent(sung.confident)} of clips with voice "
            f"and in {_percent(unsung.confident)} of the {unsung.clips} without."
        )
    groups = (("with voice", sung), ("without", unsung))
    numbers = " and ".join(f"{group.clips if group else 0} {name}" for name, group in groups)
    return (
        f"Too few clips to compare its confidence with voice and without: {numbers}; "
        f"it needs {FEWEST_CLIPS} of each, from {FEWEST_ALBUMS} albums."
    )


def _as_the_paper_says(audit: Audit, mixture_less_vocals: Estimate) -> str:
    """How the result compares with the paper's argument that accompaniment lowers confidence."""
    if audit.albums < FEWEST_ALBUMS:
        return "too few albums to tell whether that is more than chance"
    if mixture_less_vocals.negative:
        return "this network is surer of vocals, as the paper argues"
    if mixture_less_vocals.positive:
        return "this network is surer of mixtures, against the paper's argument"
    return "no clear difference, neither for nor against the paper's argument"


def audit_tables(audit: Audit) -> Group:
    """What was named in each condition, on each split, with voice and without, and the sentences."""
    parts = [_condition_table(audit), _split_table(audit)]
    if audit.presence:
        parts.append(_presence_table(audit.presence))
    note = (
        f"{counted(audit.clips, 'clip')} of {_albums(audit)}; in brackets 95 % intervals over albums; "
        "change: clip F1 minus that of the condition it learned on; "
        "chance, p: when test albums exchange their singers"
    )
    return Group(*parts, Text(note), Text(), *map(_Sentence, summary(audit)))


@dataclass(frozen=True)
class _Sentence:
    """A text that is wrapped at ordinary spaces only; rich also breaks lines at no-break spaces."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield Text(fill(self.text, options.max_width, break_on_hyphens=False))


def _condition_table(audit: Audit) -> Table:
    table = Table("heard", "clip F1", "track F1", "change", "chance", "p", "confidence", "above 0.5")
    for each in audit.conditions:
        table.add_row(
            CONDITIONS[each.name] + " (learned on)" * (each.name == audit.own),
            _text(each.clip),
            _text(each.track),
            "" if each.name == audit.own else _signed(each.change),
            _chance_text(audit, each),
            f"{each.chance.p_value:.3f}",
            decimal_text(each.confidence),
            _percent(each.confident),
        )
    return table


def _split_table(audit: Audit) -> Table:
    table = Table("system", "split", "clip F1", "track F1")
    for each in audit.splits:
        table.add_row(each.system, each.split, _text(each.clip), _text(each.track))
    return table


def _presence_table(presence: Presence) -> Table:
    table = Table("clips", "number", "clip F1", "confidence", "above 0.5")
    for name, group in (("with voice", presence.with_voice), ("without voice", presence.without_voice)):
        if group:
            cells = (_text(group.f1), decimal_text(group.confidence), _percent(group.confident))
            table.add_row(name, str(group.clips), *cells)
    table.add_row("between", str(presence.between))
    return table


def draw_audit(audit: Audit) -> Figure:
    """The tables as a picture, with the first sentence below it."""
    groups = [EstimateGroup("What it hears", "clip F1 (grey: chance)", tuple(_condition_rows(audit)))]
    if audit.verdict is not None:
        groups.append(
            EstimateGroup(
                "Vocals over another singer's album: whom it names",
                "share of clips",
                tuple(_conflict_rows(audit)),
            )
        )
    rows = tuple(
        EstimateRow(f"{each.system}: {each.split} split", each.clip.value, each.clip.low, each.clip.high)
        for each in audit.splits
    )
    groups.append(EstimateGroup("Albums kept whole, and their tracks mixed", "clip F1", rows))
    if audit.presence:
        groups.append(
            EstimateGroup(
                "How sure it is", "share of clips whose confidence is above 0.5", tuple(_presence_rows(audit))
            )
        )
    title = f"{audit.model}, {audit.split} split, learned on the {CONDITIONS[audit.own]}: singer or album?"
    return draw_estimates(groups, title, " ".join(summary(audit)[:3]))


def _condition_rows(audit: Audit) -> Iterator[EstimateRow]:
    kinds: dict[str, EstimateKind] = {"vocals": "voice", "accompaniment": "accompaniment"}
    for each in audit.conditions:
        yield EstimateRow(
            CONDITIONS[each.name],
            each.clip.value,
            each.clip.low,
            each.clip.high,
            kinds.get(each.name, "both"),
            (each.chance.interval.low, each.chance.interval.high) if audit.albums > 1 else None,
        )


def _conflict_rows(audit: Audit) -> Iterator[EstimateRow]:
    conflict, guess = _conflict(audit), 1 / audit.singers
    chance = guess - 0.005, guess + 0.005
    sings, plays = conflict.voice, conflict.accompaniment
    yield EstimateRow("the one who sings", sings.value, sings.low, sings.high, "voice", chance)
    yield EstimateRow(
        "the one whose album plays", plays.value, plays.low, plays.high, "accompaniment", chance
    )


def _presence_rows(audit: Audit) -> Iterator[EstimateRow]:
    found = audit.presence
    if found is None:
        return
    for label, group in (("clips with voice", found.with_voice), ("clips without", found.without_voice)):
        if group:
            sure = group.confident
            yield EstimateRow(f"{label} ({group.clips})", sure.value, sure.low, sure.high)
    for condition in (audit.condition("mixture"), audit.condition("vocals")):
        if condition:
            sure = condition.confident
            yield EstimateRow(
                f"all clips, hearing the {CONDITIONS[condition.name]}", sure.value, sure.low, sure.high
            )


def _own(audit: Audit) -> ConditionScores:
    """The scores in the condition that it learned on, which every audit has."""
    return next(each for each in audit.conditions if each.name == audit.own)


def _conflict(audit: Audit) -> Conflict:
    return next(each.conflict for each in audit.conditions if each.conflict)


def _on_split(audit: Audit, system: System, split: SplitKind) -> SplitScores | None:
    return next((each for each in audit.splits if (each.system, each.split) == (system, split)), None)


def _beats_chance(condition: ConditionScores) -> bool:
    return condition.chance.p_value <= SIGNIFICANT


def _albums(audit: Audit) -> str:
    return counted(audit.albums, "test album")


def _guess(audit: Audit) -> str:
    """What guessing gives: 5 %, 12.5 %."""
    return f"{100 / audit.singers:.1f}".removesuffix(".0") + f"{_SPACE}%"


def _chance_text(audit: Audit, condition: ConditionScores) -> str:
    """Chance as text, without an interval for one album: it has no other to exchange its singer with."""
    value, interval = condition.chance.value, condition.chance.interval
    return _text(
        Estimate(value, interval.low, interval.high) if audit.albums > 1 else Estimate(value, None, None)
    )


def _text(estimate: Estimate) -> str:
    """A figure with its interval, if it has one: .62 (.50-.74)."""
    if estimate.low is None or estimate.high is None:
        return decimal_text(estimate.value)
    return interval_text(estimate.value, estimate.low, estimate.high)


def _signed(estimate: Estimate) -> str:
    """A difference with its interval: -.02 (-.07 to +.03)."""
    ends = [each for each in (estimate.low, estimate.high) if each is not None]
    value, *interval = (f"{each:+.2f}".replace("0.", ".", 1) for each in (estimate.value, *ends))
    return f"{value} ({' to '.join(interval)})" if interval else value


def _percent(estimate: Estimate) -> str:
    """A share with its interval: 62 % (50-74)."""
    share = f"{100 * estimate.value:.0f}{_SPACE}%"
    if estimate.low is None or estimate.high is None:
        return share
    return f"{share} ({100 * estimate.low:.0f}-{100 * estimate.high:.0f})"
