"""Pretrained networks by name: fetched, checked, cached, given as a path, and used by `identify`."""

import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from conftest import SAMPLE_RATE, voice
from singerid.errors import SingeridError
from singerid.identifier import Identifier
from singerid.identify.scores import hear
from singerid.models.hsieh import load_hsieh_crnn
from singerid.models.pretrained import (
    PRETRAINED,
    PretrainedEntry,
    describe_pretrained,
    load_pretrained,
    pretrained_entry,
    register_pretrained,
)
from singerid.models.registry import build_model
from singerid.models.spec import InputSpec
from singerid.models.weights import load_model_file, save_model
from singerid.sound.features import LogMel, melody_map, stream_log_mel
from singerid.sound.files import AudioError
from singerid.sound.melody.trackers import open_tracker


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own; what a test registers is forgotten after it."""
    monkeypatch.setenv("SINGERID_CACHE", str(tmp_path / "cache"))
    with PRETRAINED.restored():
        yield tmp_path / "cache"


def published(site):
    """A network of singerid on the site: its entry, and the model itself."""
    folder, address = site
    torch.manual_seed(0)
    model = build_model("crnn", 2, width=1 / 16).eval()
    save_model(model, folder / "duet.safetensors")
    entry = PretrainedEntry(
        build=load_model_file,
        description="two singers",
        singers=("anna", "bert"),
        url=f"{address}/duet.safetensors",
        sha256=hashlib.sha256((folder / "duet.safetensors").read_bytes()).hexdigest(),
        licence="CC0-1.0",
        source=address,
        spec=InputSpec(window_frames=32),
    )
    return entry, model


def test_is_fetched_once_and_then_taken_from_the_cache(site, cache):
    entry, model = published(site)
    register_pretrained("duet", entry)
    assert {row["name"]: row["cached"] for row in describe_pretrained()}["duet"] is False
    loaded = load_pretrained("duet")
    assert loaded.entry is entry
    for name, value in model.state_dict().items():
        torch.testing.assert_close(loaded.model.state_dict()[name], value, rtol=0, atol=0)
    assert not loaded.model.training
    assert {row["name"]: row["cached"] for row in describe_pretrained()}["duet"] is True
    assert [path.suffix for path in cache.iterdir()] == [".safetensors"]
    (site[0] / "duet.safetensors").unlink()
    load_pretrained("duet")
    (cached,) = cache.iterdir()
    cached.write_bytes(cached.read_bytes()[:-1])
    assert {row["name"]: row["cached"] for row in describe_pretrained()}["duet"] is False


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("crnnm", {"inputs": ("mel", "melody"), "melody": "pyin"}),
        ("wavenet", {"inputs": ("waveform",)}),
        ("crnn", {}),
    ],
)
@pytest.mark.parametrize("audio", ["mixture", "vocals"])
def test_hears_what_its_entry_says(name, given, audio, tmp_path):
    """The probabilities of the first clip are the model's own for the inputs that it wants."""
    torch.manual_seed(0)
    model = build_model(name, 2, width=1 / 16).eval()
    path, song = tmp_path / "weights.safetensors", tmp_path / "song.wav"
    save_model(model, path)
    sound = voice(200.0, 3.0, 1)
    soundfile.write(song, sound, SAMPLE_RATE, subtype="FLOAT")
    entry = PretrainedEntry(
        build=load_model_file,
        description="two singers",
        singers=("anna", "bert"),
        url="https://example.org/weights.safetensors",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        licence="CC0-1.0",
        source="https://example.org",
        spec=InputSpec(32, audio=audio, separator="repet" if audio == "vocals" else None, **given),
    )
    register_pretrained("duet", entry)
    identifier = Identifier.load("duet", pretrained_weights=path, all_clips=True)
    separator = identifier.listener.separator
    assert (separator.name if separator else None) == entry.spec.separator
    assert "hears vocals by" not in identifier.notice  # its separator is the one that it learned on
    assert identifier.identify(song).clips >= 1
    # Given the sound itself, so that what a separator makes of it does not matter.
    heard = hear(identifier.listener, identifier.scorer, sound).scores
    mel = next(stream_log_mel(lambda: [sound], LogMel(entry.spec.features)))
    inputs = [mel[None, :, :32]]
    if name == "wavenet":
        inputs = [torch.from_numpy(sound[: 32 * 512].reshape(32, 512).T.copy())[None]]
    if name == "crnnm":
        f0 = open_tracker("pyin").contour([sound]).f0
        assert f0[:32].any()
        inputs.append(melody_map(torch.from_numpy(f0[:32]))[None])
    with torch.no_grad():
        np.testing.assert_allclose(heard[0], model(*inputs).softmax(-1)[0], atol=1e-4)


def test_a_pretrained_network_says_that_it_knows_no_strangers(site, trained):
    entry, _ = published(site)
    register_pretrained("duet", entry)
    notice = Identifier.load("duet", all_clips=True).notice
    assert notice.startswith(f"duet knows only its {len(entry.singers)} singers: it names one of them")
    assert "\n" not in notice
    assert Identifier.load(trained.path).notice == ""  # whose singers its user has chosen


def test_identify_tells_it_in_one_line_whatever_it_prints(site, tmp_path, singerid):
    entry, _ = published(site)
    soundfile.write(tmp_path / "song.wav", voice(200.0, 5.0, 1), SAMPLE_RATE)
    (tmp_path / "duet.py").write_text(
        "from singerid import InputSpec, PretrainedEntry, register_pretrained\n"
        "from singerid.models.weights import load_model_file\n"
        f"register_pretrained('duet', PretrainedEntry(load_model_file, 'two', {entry.singers!r}, "
        f"{entry.url!r}, {entry.sha256!r}, 'CC0-1.0', '', InputSpec({entry.spec.window_frames})))\n",
        encoding="utf-8",
    )
    for option in ("--json", "--csv"):
        done = singerid(
            *("--plugin", tmp_path / "duet.py", "identify", "duet", tmp_path / "song.wav"),
            *("--all-clips", option),  # nothing else is fetched, then
        )
        assert done.returncode == 0, done.stderr
        told = [line for line in done.stderr.splitlines() if "fetching" not in line]
        assert len(told) == 1
        assert told[0].startswith("singerid: warning: duet knows only its 2 singers: ")
        assert "knows only" not in done.stdout
    shown = " ".join(singerid("identify", "--help", COLUMNS="200").stdout.split())
    assert "always names one of the singers that it was trained on, even if somebody else sings" in shown


def test_vocals_go_with_a_separator():
    entry = PRETRAINED["hsieh-artist20"]
    for changes in ({"audio": "vocals"}, {"separator": "repet"}):
        with pytest.raises(ValueError, match="vocals go with a separator"):
            replace(entry, spec=replace(entry.spec, **changes))


def test_vocals_of_a_network_on_mixtures_are_told_the_remedy(site):
    entry, _ = published(site)
    register_pretrained("duet", entry)
    with pytest.raises(
        SingeridError, match=r"duet: .*`audio='vocals'`; choose a `separator` \(spleeter, open-unmix or"
    ):
        Identifier.load("duet", audio="vocals")
    assert "duet learned on the mixture" in Identifier.load("duet", audio="vocals", separator="repet").notice


def test_identifies_by_name_as_by_the_model_itself(site, tmp_path):
    entry, model = published(site)
    register_pretrained("duet", entry)
    soundfile.write(tmp_path / "song.wav", voice(200.0, 5.0, 1), SAMPLE_RATE)
    identifier = Identifier.load("duet", all_clips=True)
    assert identifier.scorer.singers == entry.singers
    assert identifier.listener.spec == replace(entry.spec, smallest_frames=model.smallest_frames)
    result = identifier.identify(tmp_path / "song.wav")
    assert result.clips >= 1
    mel = torch.randn(3, 128, 32)
    with torch.no_grad():
        torch.testing.assert_close(identifier.scorer(mel), model(mel).softmax(-1), rtol=1e-4, atol=1e-6)


def test_a_folder_of_that_name_wins(site, trained, tmp_path, monkeypatch):
    entry, _ = published(site)
    register_pretrained("duet", entry)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "duet").symlink_to(trained.path)
    assert Identifier.load("duet", all_clips=True).scorer.singers == trained.config.singers
    with pytest.raises(SingeridError, match=r"duet: is a folder, .* leave out `pretrained_weights`"):
        Identifier.load("duet", pretrained_weights=tmp_path / "any")


def test_what_cannot_be_had_is_one_line_with_the_remedy(site, tmp_path):
    entry, _ = published(site)
    folder, address = site
    register_pretrained("duet", replace(entry, url=f"{address}/gone.safetensors"))
    remedy = r"cannot be downloaded from \S+/gone\.safetensors .*; .*`pretrained_weights=FILE`"
    with pytest.raises(SingeridError, match=remedy):
        load_pretrained("duet")
    load_pretrained("duet", weights=folder / "duet.safetensors")  # the remedy works
    (tmp_path / "other").write_bytes(b"another file")
    for weights, reason in (
        (tmp_path / "other", "is damaged or another file"),
        (tmp_path / "no", "cannot be read"),
    ):
        with pytest.raises(SingeridError, match=rf"{reason}.*; give the file of http.*/gone"):
            load_pretrained("duet", weights=weights)
    changed = hashlib.sha256(b"another file").hexdigest()
    register_pretrained("wrong-kind", replace(entry, sha256=changed))
    with pytest.raises(SingeridError, match="other: is not a complete safetensors file"):
        load_pretrained("wrong-kind", weights=tmp_path / "other")


def test_an_unknown_name_is_told_near_ones():
    with pytest.raises(
        SingeridError,
        match=r"hsieh-artist: there is no such library, run or .*hsieh-artist20.*singerid enroll",
    ):
        load_pretrained("hsieh-artist")
    with pytest.raises(SingeridError, match="runs/mine: there is no such library, run or pretrained network"):
        Identifier.load("runs/mine")
    with pytest.raises(ValueError, match="'hsieh-artist20' exists already"):
        register_pretrained("hsieh-artist20", PRETRAINED["hsieh-artist20"])


def test_entries_are_whole():
    for name, entry in PRETRAINED.items():
        assert pretrained_entry(name) is entry
        assert entry.url.startswith("https://")
        assert len(entry.sha256) == 64
        assert int(entry.sha256, 16)
        assert list(entry.singers) == sorted(set(entry.singers))
        assert entry.licence
        assert entry.description


def test_hsieh_artist20_hears_what_its_program_hears(test_data, tmp_path):
    """Features as their program makes them (librosa 0.7: reflect padding), cut into their clips."""
    import librosa

    weights = test_data / "weights" / "hsieh_artist20_crnn.pth"
    path = tmp_path / "song.wav"
    samples = voice(200.0, 16.0, 1)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    identifier = Identifier.load("hsieh-artist20", pretrained_weights=weights)
    power = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE, n_fft=2048, hop_length=512, n_mels=128, pad_mode="reflect"
    )
    decibels = librosa.amplitude_to_db(power, ref=1.0)
    clips = np.stack([decibels[:, 157 * i : 157 * (i + 1)] for i in range(decibels.shape[1] // 157)])
    with torch.no_grad():
        expected = load_hsieh_crnn(weights)(torch.from_numpy(clips)).softmax(-1)
    heard = hear(identifier.listener, identifier.scorer, samples).scores
    np.testing.assert_allclose(heard, expected, atol=1e-3)
    soundfile.write(path, samples[: 3 * SAMPLE_RATE], SAMPLE_RATE)
    with pytest.raises(AudioError, match=r"is shorter than 4\.61 s"):
        identifier.identify(path)


def test_commands(test_data, singerid, tmp_path):
    (row,) = (row for row in describe_pretrained() if row["name"] == "hsieh-artist20")
    assert len(row["singers"]) == 20
    assert (row["licence"], row["cached"]) == ("MIT", False)
    assert re.search(r"hsieh-artist20.* 20 .*MIT.* no ", singerid("models", "--pretrained").stdout)
    weights = test_data / "weights" / "hsieh_artist20_crnn.pth"
    song = sorted((test_data / "voices" / "alys").rglob("*.mp3"))[0]
    named = singerid("identify", "hsieh-artist20", song, "--pretrained-weights", weights, "--json")
    assert named.returncode == 0, named.stderr
    assert json.loads(named.stdout)["singers"][0]["singer"] in row["singers"]
    offline = singerid(
        "identify", "hsieh-artist20", song, SINGERID_CACHE=str(tmp_path), https_proxy="http://127.0.0.1:9"
    )
    assert offline.returncode == 2
    assert "cannot be downloaded" in offline.stderr
    assert offline.stderr.endswith("give the file: --pretrained-weights FILE\n")
    assert offline.stderr.count("\n") == 1
