"""The input of a network: its windows in frames and in seconds."""

import json
from dataclasses import replace

import pytest

from singerid.config import FeatureConfig, FilterBankConfig
from singerid.models.spec import InputSpec
from singerid.runs.config import RunConfig, config_from_json, config_to_json

BANK = InputSpec(298, FilterBankConfig(), hop_frames=150, smallest_frames=48)


def test_windows_do_not_overlap_unless_they_are_told_to():
    assert InputSpec(94).hop == 94
    assert BANK.hop == 150


def test_the_largest_hop_leaves_no_sound_out():
    assert InputSpec(94).largest_hop == 94
    # 298 frames of a filter bank hear 2.995 s: the next window starts at 3 s.
    assert BANK.largest_hop == 300
    assert InputSpec(1, FilterBankConfig()).largest_hop == 3


@pytest.mark.parametrize(
    ("spec", "window", "hop", "expected"),
    [
        (BANK, None, None, (298, 150)),
        (BANK, 3, 1.5, (298, 150)),
        (BANK, 2, None, (198, 100)),
        (BANK, None, 3, (298, 300)),
        (InputSpec(94), 5, None, (157, 157)),
        (InputSpec(94), 5, 2.5, (157, 78)),
        (InputSpec(300, FeatureConfig(hop_length=160), ("waveform",), hop_frames=150), 1, None, (100, 50)),
    ],
)
def test_other_windows(spec, window, hop, expected):
    other = spec.with_windows(window, hop)
    assert (other.window_frames, other.hop) == expected
    assert other.features == spec.features


@pytest.mark.parametrize(
    ("window", "hop"), [(0.3, None), (0, None), (-1, None), (None, 0), (None, 3.02), (1, 2)]
)
def test_windows_that_cannot_be(window, hop):
    with pytest.raises(ValueError, match="must"):
        BANK.with_windows(window, hop)


def test_only_a_filter_bank_has_its_mean_taken_off():
    assert BANK.removes_mean
    assert not InputSpec(298, FilterBankConfig(remove_mean=False)).removes_mean
    assert not InputSpec().removes_mean


def test_other_features_than_the_wanted_kind_are_refused():
    assert InputSpec().log_mel == FeatureConfig()
    with pytest.raises(ValueError, match="a log-mel spectrogram is wanted, not FilterBankConfig"):
        _ = BANK.log_mel


def test_a_runs_configuration_says_what_it_said_before():
    config = RunConfig(model="crnn", singers=("a", "b"), store="s", store_identity="i")
    content = config_to_json(config)
    assert set(content["spec"]) == {
        "window_frames",
        "features",
        "inputs",
        "audio",
        "separator",
        "melody",
        "smallest_frames",
    }
    assert config_from_json(content) == config


def test_a_run_on_vectors_is_read_as_it_was_written():
    spec = replace(BANK, inputs=("vectors",), audio="both", separator="spleeter", encoder="campplus")
    config = RunConfig(
        model="probe",
        singers=("a", "b"),
        store="s",
        store_identity="i",
        spec=spec,
        options={"size": 384},
        origins={"campplus": "92f2"},
    )
    content = json.loads(json.dumps(config_to_json(config)))
    assert content["spec"]["encoder"] == "campplus"
    assert config_from_json(content) == config
    assert spec.sounds == ("mixture", "vocals")
    assert spec.seconds_of([0, 1, 2]).tolist() == [0, 1.5, 3]
