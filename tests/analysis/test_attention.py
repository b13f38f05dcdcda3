"""What the attention looks at, against Eq. 7 and 8 in plain loops, and positions given in seconds and Hz."""

import io
import json
import re
from dataclasses import replace

import librosa
import numpy as np
import pytest
import torch
from rich.console import Console

from singerid.analysis.attention import Where, draw_look, look
from singerid.analysis.report import attention_table
from singerid.errors import SingeridError
from singerid.figures import figure_svg
from singerid.models.registry import build_model
from singerid.models.weights import save_model
from singerid.runs.run import Run

CPU = torch.device("cpu")
OPTIONS = {"width": 0.0625, "smoothing": False}
SONG = "bass/second/1.flac"


def make(trained, path, model="crnn_fgnl", **options):
    """An untrained run over the recordings, with biases and batch norms that are not zero and one."""
    torch.manual_seed(3)
    config = replace(trained.config, model=model, options=options)
    run = Run.create(path, config, trained.split)
    network = build_model(model, len(config.singers), **options)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    network.mel_branch.norm.running_mean.fill_(-40)
    network.mel_branch.norm.running_var.fill_(400)
    save_model(network, run.state_path())
    return run


@pytest.fixture(scope="module")
def run(trained, tmp_path_factory):
    return make(trained, tmp_path_factory.mktemp("attention") / "run", **OPTIONS)


def features_of(run, path=SONG):
    store = run.store
    (track,) = (track for track in store.tracks if track.path == path)
    return np.load(store.path_of(track, "features/mixture")).astype(np.float32).T  # (n_mels, frames)


def rows_by_loops(block, maps, position, softmax):
    """(M, positions of all layers) affinities of one position, as the paper defines them."""

    def embed(layer, x):
        weight = layer[0].weight.double().numpy()[:, :, 0, 0]
        bias = layer[0].bias.double().numpy()
        return {(h, w): weight @ x[:, h, w] + bias for h in range(x.shape[1]) for w in range(x.shape[2])}

    maps = [x[0].double().numpy() for x in maps]
    theta = embed(block.theta, maps[0])
    phi = {(i, *p): v for i, x in enumerate(maps) for p, v in embed(block.phi[i], x).items()}
    channels = len(theta[0, 0])

    def logit(p, q, k):
        return sum(theta[p][c] * phi[q][(c - k) % channels] for c in range(channels))

    rows = []
    for k in range(channels):
        if softmax == "keys":
            weights = np.exp([logit(position, q, k) for q in phi])
            rows.append(weights / weights.sum())
        else:
            rows.append(
                [np.exp(logit(position, q, k)) / sum(np.exp(logit(p, q, k)) for p in theta) for q in phi]
            )
    return np.array(rows)


@torch.no_grad()
@pytest.mark.parametrize(
    ("model", "options"),
    [("crnn_fgnl", {}), ("crnn_fgnl_light", {}), ("crnn_fgnl", {"softmax": "queries"})],
)
def test_what_is_drawn_is_the_definition_of_the_paper(model, options, trained, tmp_path):
    run = make(trained, tmp_path / "run", model, **OPTIONS, **options)
    found = look(run, SONG, Where(clip=2, band=5, frame=1), CPU)
    network = run.load_network()
    maps = network.maps(torch.from_numpy(features_of(run)[:, 64:96])[None])
    softmax = options.get("softmax", "keys")
    expected = rows_by_loops(network.attention, maps, (5, 1), softmax)
    flat = np.concatenate([layer.weights.reshape(4, -1) for layer in found.layers], axis=1)
    np.testing.assert_allclose(flat, expected, rtol=1e-3, atol=1e-7)
    if softmax == "keys":
        np.testing.assert_allclose(flat.sum(1), 1, rtol=1e-5)
    even = 1 / (16 * 4) if softmax == "queries" or len(maps) == 1 else 1 / (16 * 4 + 32 * 8)
    assert found.even == pytest.approx(even)
    shares = []
    for size in [16 * 4, 32 * 8][: len(maps)]:
        shares.append(
            [sum(row[:size]) / sum(row) for row in expected] if not shares else 1 - np.array(shares[0])
        )
    np.testing.assert_allclose(found.shares, shares, rtol=1e-3, atol=1e-6)
    table = io.StringIO()
    Console(file=table, width=200).print(attention_table(found))
    rows = [line for line in table.getvalue().splitlines() if re.match(r"│ [1-4] ", line)]
    for response, row in enumerate(rows):
        cells = [cell.strip() for cell in row.strip("│").split("│")]
        printed = [float(cell) for cell in cells[2::2]]
        np.testing.assert_allclose(printed, np.array(shares)[:, response], atol=0.0051)
    assert len(rows) == 4
    panels = [axes for axes in draw_look(found).axes if axes.get_title().startswith("response")]
    titles = [panel.get_title() for panel in panels]
    percents = [int(re.search(r": (\d+)% on", title)[1]) for title in titles]
    np.testing.assert_allclose(percents, 100 * np.ravel(shares), atol=0.51)
    drawn = np.concatenate([panel.images[1].get_array().ravel() for panel in panels])
    parts = np.split(expected, [16 * 4], axis=1)
    np.testing.assert_allclose(
        drawn, np.maximum(np.concatenate([p.ravel() for p in parts]) / even, 1), rtol=1e-3
    )


@torch.no_grad()
def test_excitation_weights_of_every_clip_are_mose_of_the_responses(run):
    network, seen = run.load_network(), []
    network.attention.excitation.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    mel = features_of(run)
    clips = mel.shape[1] // 32
    for clip in range(clips):
        network(torch.from_numpy(mel[:, 32 * clip : 32 * (clip + 1)])[None])
    mose = network.attention.excitation
    w1, b1, w2, b2 = (p.double().numpy().ravel() for p in mose.parameters())
    expected = []
    for responses in seen:
        means = [float(responses[0, k].double().mean()) for k in range(4)]
        raw = np.array([w2 @ np.maximum(w1 * mean + b1, 0) + b2[0] for mean in means])
        expected.append(np.exp(raw) / np.exp(raw).sum())
    weights = look(run, SONG, Where(), CPU).excitation
    assert weights.shape == (clips, 4)
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)


def test_networks_without_excitation_have_no_weights(trained, tmp_path):
    run = make(trained, tmp_path / "run", "crnn_fgnl_no_mose", **OPTIONS)
    assert look(run, SONG, Where(), CPU).excitation is None


def test_a_position_is_told_in_seconds_and_hertz(run):
    centres = librosa.mel_frequencies(130, fmin=0, fmax=8000)[1:-1]
    for seconds, hertz in ((0.0, 0.0), (2.3, 1000.0), (2.9, 5000.0), (1.024, 8000.0)):
        found = look(run, SONG, Where(seconds=seconds, hertz=hertz), CPU)
        frame = int(seconds / 0.032 + 1e-9)
        assert found.clip == frame // 32
        assert found.start_s == pytest.approx(found.clip * 32 * 0.032)
        assert found.spot.frame == frame % 32 // 8
        assert found.spot.band == int(np.abs(centres - hertz).argmin()) // 8
        # The reported place is the middle of the position that contains the place asked for.
        assert abs(found.spot.seconds - seconds) <= 4 * 0.032 + 1e-3
        low, high = centres[found.spot.band * 8], centres[found.spot.band * 8 + 7]
        assert low < found.spot.hertz < high


@pytest.mark.parametrize("where", [Where(), Where(clip=1), Where(hertz=3000.0), Where(seconds=2.0)])
def test_a_position_that_is_left_open_is_where_the_song_is_loudest(run, where):
    mel = features_of(run)
    fixed = look(run, SONG, where, CPU)
    cells = {}
    for clip in range(mel.shape[1] // 32):
        for band in range(16):
            for frame in range(4):
                first = clip * 32 + frame * 8
                cells[clip, band, frame] = mel[band * 8 : band * 8 + 8, first : first + 8].mean()
    spot = (fixed.clip, fixed.spot.band, fixed.spot.frame)
    asked = [where != Where() and where.clip is not None, where.hertz is not None, where.seconds is not None]
    free = {
        cell: level
        for cell, level in cells.items()
        if (not (asked[0] or asked[2]) or cell[0] == spot[0])
        and (not asked[1] or cell[1] == spot[1])
        and (not asked[2] or cell[2] == spot[2])
    }
    assert cells[spot] == pytest.approx(max(free.values()), abs=1e-3)


def test_strongest_positions(run):
    found = look(run, SONG, Where(clip=0), CPU)
    for layer, frames in zip(found.layers, (8, 4), strict=True):
        for response in range(4):
            spot = found.strongest(layer, response)
            assert layer.weights[response, spot.band, spot.frame] == layer.weights[response].max()
            assert spot.seconds == pytest.approx((spot.frame + 0.5) * frames * 0.032, abs=1e-3)


def test_a_file_is_looked_at_as_the_stored_track(run, recordings):
    stored = look(run, SONG, Where(clip=1, band=4, frame=2), CPU)
    file = look(run, str(recordings.tree / SONG), Where(clip=1, band=4, frame=2), CPU)
    for ours, theirs in zip(file.layers, stored.layers, strict=True):
        np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-3)


@pytest.mark.parametrize(
    ("track", "where", "message"),
    [
        (SONG, Where(clip=99), r"clip 99 is outside .* choose 0 to \d"),
        (SONG, Where(band=16), "band 16 is outside .* 0 to 15"),
        (SONG, Where(frame=-1), "frame -1 is outside .* 0 to 3"),
        (SONG, Where(seconds=99.0), "99 s is outside the song's clips"),
        (SONG, Where(seconds=-1.0), "choose 0 to"),
        (SONG, Where(seconds=2.0, clip=0), "is in clip 1, not in clip 0"),
        (SONG, Where(hertz=9000.0), "choose 0 to 8000 Hz"),
        (SONG, Where(hertz=float("nan")), "choose 0 to 8000 Hz"),
        (SONG, Where(seconds=float("nan")), "choose 0 to"),
        ("nobody/nothing.flac", Where(), "neither a file nor a track .* named like"),
    ],
)
def test_positions_and_tracks_that_are_not_there(track, where, message, run):
    with pytest.raises(SingeridError, match=message):
        look(run, track, where, CPU)


def test_what_pooling_leaves_out_is_no_position(trained, tmp_path):
    run = make(trained, tmp_path / "run", **OPTIONS)
    odd = replace(run, config=replace(run.config, training=replace(run.config.training, clip_seconds=1.1)))
    # 35 frames: four positions of 8 frames, and three frames in none
    assert look(odd, SONG, Where(seconds=31.5 * 0.032), CPU).spot.frame == 3
    with pytest.raises(SingeridError, match=r"pooling leaves out; choose a time before 1\.02 s"):
        look(odd, SONG, Where(seconds=33.5 * 0.032), CPU)


def test_a_network_without_fgnl_is_one_line(trained, run, tmp_path):
    for model in ("crnn_nl", "crnn_square"):
        plain = make(trained, tmp_path / model, model, width=0.0625)
        with pytest.raises(SingeridError, match=f"{model} has no FGNL attention .* crnn_fgnl"):
            look(plain, SONG, Where(), CPU)


def test_command(run, tmp_path, singerid):
    figure = tmp_path / "attention.svg"
    table = singerid.fresh(
        "attention", run.path, SONG, "--at-seconds", "2.3", "--at-hz", "1000", "--figure", figure
    )
    assert table.returncode == 0, table.stderr
    assert "seen from" in table.stdout
    assert "response 4" in figure.read_text(encoding="utf-8")


def test_command_prints_json_of_a_position(run, tmp_path, singerid):
    position = "--clip", 2, "--position", 3, 1
    result = singerid("attention", run.path, SONG, *position, "--json", "--figure", tmp_path / "x.pdf")
    assert result.returncode == 0, result.stderr
    value = json.loads(result.stdout)
    assert np.array(value["layers"][1]["weights"]).shape == (4, 32, 8)
    assert (value["clip"], value["position"]["band"], value["position"]["frame"]) == (2, 3, 1)
    both = singerid("attention", run.path, SONG, *position, "--at-hz", 100)
    assert both.returncode == 2
    assert "leave out --at-seconds and --at-hz" in both.stderr
    elsewhere = singerid("attention", run.path, SONG, "--store", tmp_path / "gone")
    assert "gone: no such folder" in elsewhere.stderr


def test_the_picture_is_the_same_every_time(run):
    first, second = (figure_svg(draw_look(look(run, SONG, Where(clip=1), CPU))) for _ in range(2))
    assert first == second


def test_a_clip_that_the_run_leaves_out_is_not_looked_at(run, trained):
    config = replace(run.config, training=replace(run.config.training, drop_last_clip=True))
    dropped = replace(run, config=config)
    every, fewer = (look(each, SONG, Where(), CPU) for each in (run, dropped))
    clips = len(trained.store.features(next(t for t in trained.store.tracks if t.path == SONG))) // 32
    with pytest.raises(SingeridError, match=f"clip {clips - 1} is outside .*; choose 0 to {clips - 2}"):
        look(dropped, SONG, Where(clip=clips - 1), CPU)
    assert look(run, SONG, Where(clip=clips - 1), CPU).clip == clips - 1
    assert every.track == fewer.track


def test_vocals_of_another_separator_are_not_looked_at(run):
    spec = replace(run.config.spec, audio="vocals", separator="stems")
    heard = replace(run, config=replace(run.config, spec=spec), _memory={})
    origins = replace(run.store.origins, separator="repet", separator_version="1")
    heard._memory[("store", run.config.store)] = replace(run.store, origins=origins)
    heard._memory[("network", "best_f1", CPU)] = run.network()
    with pytest.raises(SingeridError, match=r"its vocals: made by repet \(1\), but the run learned .*stems"):
        look(heard, SONG, Where(), CPU)
