"""The listener that is opened for a network."""

from dataclasses import replace

import pytest
import torch

from singerid.config import FeatureConfig
from singerid.errors import SingeridError
from singerid.listening.opening import notice_of, open_listener
from singerid.models.spec import InputSpec

CPU = torch.device("cpu")


def test_the_separator_gives_what_the_network_is_made_for():
    spec = InputSpec(features=FeatureConfig(sample_rate=22_050))
    listener = open_listener("net", spec, CPU, audio="vocals", separator="repet")
    assert listener.separator.sample_rate == listener.sample_rate == 22_050
    assert listener.spec == replace(spec, audio="vocals")
    assert "net learned on the mixture but now hears vocals by repet" in notice_of("net", spec, listener, {})


def test_what_is_said_of_a_network_itself_comes_first():
    mixture = open_listener("net", InputSpec(), CPU)
    assert notice_of("net", InputSpec(), mixture, {}) == ""
    assert notice_of("net", InputSpec(), mixture, {}, "it knows two singers") == "it knows two singers"
    vocals = open_listener("net", InputSpec(), CPU, audio="vocals", separator="repet")
    said = notice_of("net", InputSpec(), vocals, {}, "it knows two singers")
    assert said.startswith("it knows two singers; net learned on the mixture")


def test_a_melody_of_other_frames_is_refused():
    spec = InputSpec(features=FeatureConfig(hop_length=256), inputs=("mel", "melody"), melody="pyin")
    with pytest.raises(SingeridError, match="tracked at 16000 Hz every 512 samples"):
        open_listener("net", spec, CPU)


def test_the_mixture_needs_no_separator():
    assert open_listener("net", InputSpec(), CPU).separator is None
    with pytest.raises(SingeridError, match="hears the mixture; leave out `separator` and `weights`"):
        open_listener("net", InputSpec(), CPU, separator="repet")
    with pytest.raises(SingeridError, match="learned on true stems, which recordings do not have"):
        open_listener("net", InputSpec(audio="vocals", separator="stems"), CPU)
