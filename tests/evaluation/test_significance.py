"""Scores against scikit-learn, hand-computed cases and bootstrap resamples drawn in plain loops."""

import itertools
import json
import warnings

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from singerid.evaluation.counts import MEASURES
from singerid.evaluation.scores import score
from singerid.evaluation.significance import Named, Paired, average, chance, compare

SINGERS = ("Ann", "Bo", "Cy", "Di")


def sklearn_measure(measure: str, truth: np.ndarray, predicted: np.ndarray) -> float:
    if measure == "accuracy":
        return float(accuracy_score(truth, predicted))
    return float(f1_score(truth, predicted, average=measure.removeprefix("f1_"), zero_division=0.0))


def noisy(rng: np.random.Generator, truth: np.ndarray, right: float) -> np.ndarray:
    return np.where(rng.random(truth.shape) < right, truth, rng.integers(0, len(SINGERS), truth.shape))


def resampled(
    truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Items of every group, as many times as its weight says."""
    pieces = [np.flatnonzero(groups == g) for g, times in enumerate(weights) for _ in range(int(times))]
    chosen = np.concatenate(pieces)
    return truth[chosen], predicted[chosen]


def test_by_hand() -> None:
    # F1 = 2 right / (true + named): Ann 2*2 / (3+3), Bo 2*1 / (2+2), Cy 2*1 / (1+1).
    scores = score([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2], range(6), SINGERS)
    assert scores.f1_weighted == pytest.approx((3 * 2 / 3 + 2 * 1 / 2 + 1) / 6)
    assert scores.f1_macro == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)  # Di neither occurs nor is named
    assert scores.accuracy == pytest.approx(4 / 6)
    assert np.asarray(scores.confusion).tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert [row.count for row in scores.singers] == [3, 2, 1, 0]
    assert scores.count == 6


@pytest.mark.parametrize("seed", range(5))
def test_against_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3 if seed % 2 else 4, size=80)
    predicted = noisy(rng, truth, 0.4)
    scores = score(truth, predicted, rng.integers(0, 9, size=80), SINGERS, resamples=1)
    for measure in MEASURES:
        assert getattr(scores, measure) == pytest.approx(sklearn_measure(measure, truth, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = precision_recall_fscore_support(truth, predicted, labels=range(4), zero_division=0.0)
    found = [(row.precision, row.recall, row.f1, row.count) for row in scores.singers]
    np.testing.assert_allclose(found, np.transpose(expected))


def test_intervals_resample_whole_tracks() -> None:
    rng = np.random.default_rng(3)
    tracks = np.repeat(np.arange(12), rng.integers(1, 9, size=12))
    truth = (tracks % 4).astype(np.int64)
    predicted = noisy(rng, truth, 0.5)
    scores = score(truth, predicted, tracks, SINGERS, resamples=100, seed=8)
    weights = np.random.default_rng(8).multinomial(12, np.full(12, 1 / 12), size=100)
    samples = [resampled(truth, predicted, tracks, row) for row in weights]
    for measure in MEASURES:
        values = [sklearn_measure(measure, *sample) for sample in samples]
        interval = scores.intervals[measure]
        assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))


def test_clips_of_one_track_say_no_more_than_the_track() -> None:
    rng = np.random.default_rng(4)
    truth = np.repeat(np.arange(4), 10)
    predicted = noisy(rng, truth, 0.5)
    once = score(truth, predicted, np.arange(40), SINGERS)
    copied = score(np.repeat(truth, 25), np.repeat(predicted, 25), np.repeat(np.arange(40), 25), SINGERS)
    assert copied.intervals == once.intervals
    assert copied.count == 25 * once.count


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        truth = np.repeat(np.arange(4), 25)
        predicted = np.where(rng.random(100) < 0.7, truth, (truth + 1) % 4)
        interval = score(truth, predicted, np.arange(100), SINGERS, resamples=200).intervals["accuracy"]
        covered += interval.low <= 0.7 <= interval.high
    assert 178 <= covered <= 199  # 95 % of 200 is 190, its standard deviation 3


def test_tracks_may_be_named_by_anything_and_seeds_matter() -> None:
    truth, predicted = [0, 1, 2, 3, 0, 1], [0, 1, 2, 0, 0, 2]
    named = score(truth, predicted, ["a", "a", "b", "c", "d", "d"], SINGERS)
    assert named == score(truth, predicted, [4, 4, 7, 8, 9, 9], SINGERS)
    assert (
        named.intervals
        != score(truth, predicted, [4, 4, 7, 8, 9, 9], SINGERS, resamples=50, seed=1).intervals
    )


def test_json() -> None:
    value = json.loads(json.dumps(score([0, 1], [0, 0], [0, 1], SINGERS).to_json(), allow_nan=False))
    assert value["accuracy"] == 0.5
    assert value["intervals"]["f1_weighted"].keys() == {"low", "high"}
    assert value["confusion"][1] == [1, 0, 0, 0]
    assert value["singers"][1] == {"singer": "Bo", "precision": 0.0, "recall": 0.0, "f1": 0.0, "count": 1}


@pytest.mark.parametrize(
    ("truth", "predicted", "tracks"),
    [([], [], []), ([0, 1], [0], [0, 1]), ([0, 1], [0, 1], [0]), ([0, 4], [0, 0], [0, 1]), ([0], [-1], [0])],
)
def test_what_cannot_be_scored(truth: list[int], predicted: list[int], tracks: list[int]) -> None:
    with pytest.raises(ValueError, match=r"give as many of each|class indices must be"):
        score(truth, predicted, tracks, SINGERS)


def seeds_of_two_models(rng: np.random.Generator, right: tuple[float, float]) -> list[Paired]:
    """Three seeds; each tests one of three albums of each singer, some albums under several seeds."""
    seeds = []
    for _ in range(3):
        albums = [(singer, int(rng.integers(3))) for singer in range(4)]
        owners = [album for album in albums for _ in range(int(rng.integers(5, 12)))]
        truth = np.array([singer for singer, _ in owners])
        seeds.append(Paired(truth, noisy(rng, truth, right[0]), noisy(rng, truth, right[1]), tuple(owners)))
    return seeds


@pytest.mark.parametrize("measure", MEASURES)
def test_comparison_resamples_test_albums_over_all_seeds(measure: str) -> None:
    seeds = seeds_of_two_models(np.random.default_rng(6), (0.8, 0.5))
    result = compare(seeds, measure, resamples=100, seed=2)

    def difference(chosen: list[tuple[int, int]]) -> float:
        per_seed = []
        for pair in seeds:
            rows = [row for album in chosen for row, own in enumerate(pair.albums) if own == album]
            if rows:
                first, second = (
                    sklearn_measure(measure, pair.truth[rows], named[rows])
                    for named in (pair.first, pair.second)
                )
                per_seed.append(first - second)
        return float(np.mean(per_seed))

    albums = list(dict.fromkeys(album for pair in seeds for album in pair.albums))
    draws = np.random.default_rng(2).multinomial(len(albums), np.full(len(albums), 1 / len(albums)), size=100)
    values = [difference([a for a, n in zip(albums, row, strict=True) for _ in range(n)]) for row in draws]
    assert result.value == pytest.approx(difference(albums))
    expected = tuple(np.quantile(values, [0.025, 0.975]))
    assert (result.interval.low, result.interval.high) == pytest.approx(expected)
    assert (result.seeds, result.albums, result.measure) == (3, len(albums), measure)


def test_a_model_equals_itself_and_swapping_turns_the_sign() -> None:
    (pair, *_) = seeds_of_two_models(np.random.default_rng(7), (0.8, 0.5))
    same = compare([Paired(pair.truth, pair.first, pair.first, pair.albums)])
    assert (same.value, same.interval.low, same.interval.high) == (0, 0, 0)
    forth = compare([pair])
    back = compare([Paired(pair.truth, pair.second, pair.first, pair.albums)])
    assert back.value == -forth.value
    assert (back.interval.low, back.interval.high) == pytest.approx(
        (-forth.interval.high, -forth.interval.low)
    )


def test_pairs_must_match() -> None:
    one = np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match="one length"):
        Paired(one, one, np.zeros(2, dtype=np.int64), ("x",))
    with pytest.raises(ValueError, match="one length"):
        Paired(one[:0], one[:0], one[:0], ())
    with pytest.raises(ValueError, match="at least one seed"):
        compare([])


@pytest.mark.parametrize("measure", MEASURES)
def test_an_average_resamples_test_albums_over_all_seeds(measure: str) -> None:
    seeds = [
        Named(pair.truth, pair.first, pair.albums)
        for pair in seeds_of_two_models(np.random.default_rng(8), (0.7, 0.5))
    ]
    result = average(seeds, measure, resamples=100, seed=3)

    def mean(chosen: list[tuple[int, int]]) -> float:
        per_seed = []
        for one in seeds:
            rows = [row for album in chosen for row, own in enumerate(one.albums) if own == album]
            if rows:
                per_seed.append(sklearn_measure(measure, one.truth[rows], one.named[rows]))
        return float(np.mean(per_seed))

    albums = list(dict.fromkeys(album for one in seeds for album in one.albums))
    draws = np.random.default_rng(3).multinomial(len(albums), np.full(len(albums), 1 / len(albums)), size=100)
    values = [mean([a for a, n in zip(albums, row, strict=True) for _ in range(n)]) for row in draws]
    assert result.value == pytest.approx(mean(albums))
    expected = tuple(np.quantile(values, [0.025, 0.975]))
    assert (result.interval.low, result.interval.high) == pytest.approx(expected)
    assert (result.seeds, result.albums, result.measure) == (3, len(albums), measure)


def test_names_must_match_and_there_must_be_some() -> None:
    one = np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match="one length"):
        Named(one, np.zeros(2, dtype=np.int64), ("x",))
    with pytest.raises(ValueError, match="at least one seed"):
        average([])


@pytest.mark.parametrize("measure", MEASURES)
def test_chance_is_the_mean_over_all_ways_to_give_albums_to_singers(measure):
    rng = np.random.default_rng(3)
    singers, sizes = np.array([0, 0, 1, 2, 3]), np.array([7, 3, 6, 4, 5])
    truth, albums = np.repeat(singers, sizes), np.repeat(np.arange(5), sizes)
    named = noisy(rng, truth, right=0.5)
    found = chance(Named(truth, named, tuple(albums)), measure, permutations=4000)
    exact = np.array(
        [
            sklearn_measure(measure, np.array(order)[albums], named)
            for order in itertools.permutations(singers)
        ]
    )
    assert found.value == pytest.approx(exact.mean(), abs=0.01)
    assert found.interval.low == pytest.approx(np.quantile(exact, 0.025), abs=0.02)
    assert found.interval.high == pytest.approx(np.quantile(exact, 0.975), abs=0.02)
    as_high = (exact >= sklearn_measure(measure, truth, named) - 1e-12).mean()
    assert found.p_value == pytest.approx(as_high, abs=0.02)


def test_chance_counts_the_truth_and_wants_albums_of_one_singer():
    truth = np.array([0, 1, 2, 3] * 3)
    perfect = chance(Named(truth, truth, tuple(range(12))), permutations=99)
    assert perfect.p_value == pytest.approx(0.01)
    assert perfect.value < 0.4
    with pytest.raises(ValueError, match="one singer"):
        chance(Named(truth, truth, ("album",) * 12))
