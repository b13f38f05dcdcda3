"""Decisions: known, ambiguous, unknown, and their probabilities."""

import numpy as np
import pytest

from made_voices import direction, heard, made
from singerid.library.answer import answer
from singerid.library.decide import NOTHING_KNOWN, Known, judge
from singerid.library.hearing import HeardVoice
from singerid.library.odds import Odds
from singerid.library.rule import Rule

RULE = Rule(Odds((0.5, 0.0, 0.0, 0.0), (0.1, 1.0, 1.0, 1.0), (2.0, 0.1, 0.0, 0.0), 0.0), 1.0)


@pytest.fixture
def library(tmp_path):
    with made(tmp_path / "library") as opened:
        yield opened


@pytest.fixture
def prints(library):
    return library.core.contents.voiceprints


def _mixed(share, singer="Ada", seed=3):
    """A mix of a singer's voice and another one."""
    noise = np.random.default_rng(seed).standard_normal(64)
    vector = share * direction(singer) + (1 - share) * noise / np.linalg.norm(noise)
    return (vector / np.linalg.norm(vector)).astype(np.float32)[None]


def _answer(library, vectors, known=NOTHING_KNOWN, rule=RULE):
    voice = HeardVoice(vectors, 100.0, 80.0 if vectors is not None else 0.0, False, ())
    return answer(library.core, rule, voice, known, path="song", calibrated=True)


def test_from_near_to_far_it_is_known_ambiguous_unknown(library, prints):
    decisions = [judge(prints, RULE, _mixed(share), 80.0).decision for share in np.linspace(1, 0, 41)]
    order = ["known", "ambiguous", "unknown"]
    assert sorted(set(decisions), key=order.index) == order
    assert decisions == sorted(decisions, key=order.index), "no decision comes back"


def test_without_a_voice_the_decision_is_no_voice(library):
    found = _answer(library, None)
    assert (found.decision, found.singers, found.candidates) == ("no_voice", (), ())


def test_the_evidence_stands_beside_the_answer(library):
    found = _answer(library, heard("Ada", 50).vectors)
    assert (found.decision, found.singer) == ("known", "Ada")
    assert [near.singer for near in found.nearest] == ["Ada"] * 3
    assert found.candidates[0].singer == "Ada"
    assert found.candidates[0].score >= found.needs
    assert found.voice_seconds == 80.0


@pytest.mark.parametrize("share", np.linspace(0, 1, 9))
def test_probabilities_are_those_of_one_answer(prints, share):
    for prior in (0.01, 0.5, 0.99):
        judged = judge(prints, RULE.with_prior(prior), _mixed(share), 80.0)
        assert (judged.probabilities >= 0).all()
        assert judged.probabilities.sum() <= 1 + 1e-6
        assert judged.probabilities.argmax() == judged.best
        assert 0 <= judged.probability <= 1


def test_the_prior_moves_the_probability_by_its_odds(prints):
    vectors = _mixed(0.5)
    chances = [
        float(judge(prints, RULE.with_prior(prior), vectors, 80.0).probabilities.max())
        for prior in (0.5, 0.9)
    ]
    odds = [chance / (1 - chance) for chance in chances]
    assert odds[1] / odds[0] == pytest.approx(9, rel=1e-3)


def test_a_name_is_never_less_likely_than_not(prints):
    for share in np.linspace(0, 1, 21):
        judged = judge(prints, RULE.with_prior(0.02), _mixed(share), 80.0)
        assert judged.decision != "known" or judged.probability >= 0.5


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_the_decision_changes_at_the_score_that_is_needed(prints, share):
    """With score and margin moved to just above or just below the needed score."""
    judged = judge(prints, RULE, _mixed(share), 80.0)
    from singerid.library.trials import evidence

    features = evidence(judged.scores, prints.counts, 80.0)[judged.best]
    for step, named in ((1e-6, True), (-1e-6, False)):
        moved = features.copy()
        moved[:2] += judged.needs - features[0] + step
        assert (float(RULE.odds(moved)[0]) >= RULE.needed) is named


def test_whom_a_person_has_refused_is_never_named(library, prints):
    ada = library.core.contents.number_of("Ada")
    for share in np.linspace(0, 1, 11):
        found = _answer(library, _mixed(share), Known(refused=frozenset({ada})))
        assert "Ada" not in {one.singer for one in (*found.singers, *found.candidates)}
    everybody = frozenset(library.core.contents.singers)
    found = _answer(library, _mixed(1), Known(refused=everybody))
    assert (found.decision, found.candidates) == ("unknown", ())


def test_a_single_singer_can_be_known_and_unknown(tmp_path):
    with made(tmp_path / "one", ("Ada",)) as library:
        prints = library.core.contents.voiceprints
        assert judge(prints, RULE, _mixed(1), 80.0).decision == "known"
        assert judge(prints, RULE, _mixed(0), 80.0).decision == "unknown"
