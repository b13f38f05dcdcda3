"""The classical baseline against librosa's MFCC and on clips whose singers a spectrum tells apart."""

import librosa
import numpy as np
import pytest

from singerid.errors import SingeridError
from singerid.evaluation.baseline import Baseline, mfcc, mfcc_statistics


@pytest.fixture
def clips() -> np.ndarray:
    """Five log-mel clips of 30 frames."""
    return np.random.default_rng(0).normal(-30, 12, (5, 128, 30))


@pytest.fixture
def singers() -> tuple[np.ndarray, np.ndarray]:
    """90 clips of three singers who differ in one formant, and their labels."""
    rng = np.random.default_rng(1)
    labels = np.arange(90) % 3
    bands = np.arange(128)[:, None]
    formant = 20 * np.exp(-(((bands - 30 * (1 + labels[:, None, None])) / 8) ** 2))
    return rng.normal(-30, 6, (90, 128, 20)) + formant, labels


def test_mfcc_is_librosas(clips: np.ndarray) -> None:
    expected = np.stack([librosa.feature.mfcc(S=clip, n_mfcc=20) for clip in clips])
    np.testing.assert_allclose(mfcc(clips, 20), expected, rtol=0, atol=1e-9)


def test_statistics_are_those_of_librosas_mfcc_and_deltas(clips: np.ndarray) -> None:
    for clip, statistics in zip(clips, mfcc_statistics(clips), strict=True):
        coefficients = librosa.feature.mfcc(S=clip, n_mfcc=20)
        deltas = librosa.feature.delta(coefficients, mode="nearest")
        expected = [f(x, axis=1) for x in (coefficients, deltas) for f in (np.mean, np.std)]
        np.testing.assert_allclose(statistics, np.concatenate(expected), rtol=0, atol=1e-9)


@pytest.mark.parametrize("frames", [1, 5, 9])
def test_clips_shorter_than_a_delta_are_taken(frames: int) -> None:
    statistics = mfcc_statistics(np.random.default_rng(0).normal(size=(2, 128, frames)))
    assert statistics.shape == (2, 80)
    assert np.isfinite(statistics).all()


def test_learns_singers_who_differ(singers: tuple[np.ndarray, np.ndarray]) -> None:
    clips, labels = singers
    probabilities = Baseline().fit(clips[:60], labels[:60]).probabilities(clips[60:])
    assert probabilities.shape == (30, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert np.mean(probabilities.argmax(axis=1) == labels[60:]) > 0.9


def test_learns_nothing_from_shuffled_labels(singers: tuple[np.ndarray, np.ndarray]) -> None:
    clips, labels = singers
    shuffled = np.random.default_rng(2).permutation(labels)
    probabilities = Baseline().fit(clips[:60], shuffled[:60]).probabilities(clips[60:])
    assert np.mean(probabilities.argmax(axis=1) == shuffled[60:]) < 0.6


def test_float32_and_a_second_fit_give_the_same(singers: tuple[np.ndarray, np.ndarray]) -> None:
    clips, labels = (singers[0].astype(np.float32), singers[1])
    first, second = (Baseline().fit(clips, labels).probabilities(clips) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_fit_leaves_the_settings_alone(singers: tuple[np.ndarray, np.ndarray]) -> None:
    baseline = Baseline(n_mfcc=13)
    fitted = baseline.fit(*singers)
    assert baseline.classifier is None
    assert fitted.n_mfcc == 13
    assert fitted.classifier.n_features_in_ == 4 * 13


def test_a_singer_without_training_clips_gets_no_probability(singers: tuple[np.ndarray, np.ndarray]) -> None:
    clips, labels = singers
    known = labels != 1
    probabilities = Baseline().fit(clips[known], labels[known]).probabilities(clips)
    assert probabilities.shape == (90, 3)
    assert not probabilities[:, 1].any()
    assert np.mean(probabilities.argmax(axis=1)[known] == labels[known]) > 0.9  # columns stay in place


def test_what_cannot_be_fitted_is_said(clips: np.ndarray) -> None:
    with pytest.raises(SingeridError, match="at least two singers"):
        Baseline().fit(clips, [0] * 5)
    with pytest.raises(SingeridError, match="5 clips with 4 labels"):
        Baseline().fit(clips, [0, 1, 0, 1])
    with pytest.raises(SingeridError, match="not fitted"):
        Baseline().probabilities(clips)


def test_a_fit_that_does_not_converge_is_one_line_of_ours(singers, recwarn, caplog) -> None:
    clips, labels = singers
    Baseline(steps=2).fit(clips, labels)
    assert caplog.messages == [
        "the classical baseline has not converged after 2 steps; more clips might change its scores"
    ]
    Baseline().fit(clips, labels)
    assert len(caplog.messages) == 1
    assert list(recwarn) == []  # none of scikit-learn's


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_named(singers, value) -> None:
    clips, labels = singers
    fitted = Baseline().fit(clips, labels)
    broken = clips.copy()
    broken[3, 2, 1] = value
    for ask in (lambda: Baseline().fit(broken, labels), lambda: fitted.probabilities(broken)):
        with pytest.raises(SingeridError, match=r"not finite.*singerid doctor STORE"):
            ask()


@pytest.mark.parametrize("frames", [1, 94])
@pytest.mark.parametrize("level", [-100.0, 0.0])
@pytest.mark.parametrize("clips", [2, 20])
def test_clips_that_are_all_equal_are_taken_without_a_word(frames, level, clips, recwarn) -> None:
    equal = np.full((clips, 128, frames), level)
    probabilities = Baseline().fit(equal, np.arange(clips) % 2).probabilities(equal)
    np.testing.assert_allclose(probabilities, 0.5, atol=1e-6)
    assert list(recwarn) == []
