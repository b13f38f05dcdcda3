import numpy as np
import pytest
import soundfile

from singerid.analysis.audit.audit import audit
from singerid.analysis.audit.encoded import Encoding
from singerid.config import TrainingConfig
from singerid.encoders.registry import open_encoder
from singerid.runs.config import SplitConfig
from singerid.runs.new import configure, make_split
from singerid.store.reader import Store
from singerid.training.loop import train


@pytest.fixture(scope="module", params=["mixture", "both"])
def run(request, encoded, tmp_path_factory):
    store = Store.open(encoded.store)
    split, how = make_split(store, SplitConfig())
    config = configure(
        store,
        split,
        how,
        "centroids",
        TrainingConfig(),
        audio=request.param,
        encoder=open_encoder(encoded.encoder),
    )
    return train(store, tmp_path_factory.mktemp("audited") / "run", config, split)


def vectors(part):
    return next(part.clips.batches(10_000)).inputs[0].squeeze(-1).numpy()


def test_sounds_are_mixed_and_encoded_anew(run, encoded):
    part, encoder = run.part(), open_encoder(encoded.encoder)
    first, *_ = part.tracks
    partner = next(track for track in run.store.tracks if track.singer != first.singer)
    sung, _ = soundfile.read(encoded.tree.parent / "vocals" / first.path, dtype="float32")
    played, _ = soundfile.read(encoded.tree.parent / "accompaniment" / partner.path, dtype="float32")
    sounds = [sung + np.resize(played, len(sung))]
    if run.config.spec.audio == "both":
        sounds.append(sung)
    expected = np.concatenate([encoder.encode(lambda s=s: [s]).vectors for s in sounds], axis=1)
    made = Encoding(run, part).remixed({track.path: partner for track in part.tracks})
    assert np.array_equal(made.clips.track, part.clips.track)
    own = vectors(made)[: len(expected)]
    cosines = (own * expected).sum(1) / np.linalg.norm(own, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.999


def test_a_run_on_vectors_is_asked_everything(run):
    found = audit(run)
    assert not found.missing or all("split" in f.path or "clips" in f.path for f in found.missing)
    assert [each.name for each in found.conditions] == [
        "mixture",
        "vocals",
        "accompaniment",
        "remix_own",
        "remix_same",
        "remix_other",
    ]
    assert found.own == "mixture"
    assert found.remix_error_db is None
    own, remixed = found.condition("mixture"), found.condition("remix_own")
    assert remixed.clip.value == pytest.approx(own.clip.value, abs=0.15)
    assert "true vocals" in " ".join(found.notes) if run.config.spec.audio == "both" else not found.notes
