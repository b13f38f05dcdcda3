import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from conftest import require_weights
from singerid.config import FilterBankConfig
from singerid.data.tracks import scan_tree
from singerid.encoders.encoder import Encoder
from singerid.encoders.registry import open_encoder
from singerid.errors import SingeridError
from singerid.models.spec import InputSpec
from singerid.preparation.prepare import prepare
from singerid.sound.separation.separators import open_separator
from singerid.store.arrays import encoder_part, vectors_of
from singerid.store.reader import Store


def part_of_name(encoder: Encoder) -> str:
    return encoder_part(encoder.address, encoder.identity)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_store_keeps_what_the_encoder_makes_of_the_mixture_and_of_the_vocals(encoded):
    encoder, store = open_encoder(encoded.encoder), Store.open(encoded.store)
    assert store.origins.encoders == {part_of_name(encoder): encoder.identity}
    for track in store.tracks:
        for condition in ("mixture", "vocals"):
            vectors, starts, share = store.vectors(track, condition, part_of_name(encoder))
            voices = encoder.encode(encoded.tree.parent / condition / track.path, allow_silence=True)
            assert np.abs(vectors - voices.vectors).max() < 2e-3  # half precision
            assert np.allclose(np.linalg.norm(vectors.astype(float), axis=1), 1, atol=2e-3)
            assert starts.tolist() == pytest.approx(voices.starts.tolist())
            assert share.dtype == np.float32
            assert ((share >= 0) & (share <= 1)).all()


def test_workers_make_the_same_bytes(encoded, tmp_path):
    tracks = scan_tree(encoded.tree)
    encoder = open_encoder(encoded.encoder)
    for workers in (1, 2):
        prepare(tracks[:4], encoded.tree, tmp_path / f"{workers}", workers=workers, encoders=[encoder])
    one, two = (contents(tmp_path / f"{workers}" / "vectors") for workers in (1, 2))
    assert len(one) == 4
    assert one == two


def test_vectors_are_added_to_what_is_there_and_made_once(encoded, tmp_path):
    tracks, store = scan_tree(encoded.tree)[:2], tmp_path / "store"
    encoder = open_encoder(encoded.encoder)
    prepare(tracks, encoded.tree, store, workers=1)
    features = {path: path.stat().st_mtime_ns for path in store.glob("features/*/*")}
    assert prepare(tracks, encoded.tree, store, workers=1, encoders=[encoder]).done == 2
    assert prepare(tracks, encoded.tree, store, workers=1, encoders=[encoder]).unchanged == 2
    assert prepare(tracks, encoded.tree, store, workers=1).unchanged == 2
    assert {path: path.stat().st_mtime_ns for path in store.glob("features/*/*")} == features
    name = vectors_of("mixture", part_of_name(encoder))
    assert all(name in track.arrays for track in Store.open(store).tracks)


def test_vectors_of_other_weights_are_never_mixed_in(encoded, tmp_path):
    tracks, store = scan_tree(encoded.tree)[:1], tmp_path / "store"
    encoder = replace(open_encoder(encoded.encoder), name="mine")
    prepare(tracks, encoded.tree, store, workers=1, encoders=[encoder])
    before = contents(store)
    with pytest.raises(SingeridError, match="vectors by mine were made with other weights"):
        prepare(tracks, encoded.tree, store, workers=1, encoders=[replace(encoder, identity="another")])
    assert contents(store) == before


def test_an_encoder_of_another_sample_rate_is_refused_in_one_line(encoded, tmp_path):
    spec = InputSpec(features=FilterBankConfig(sample_rate=8000))
    encoder = Encoder("of telephones", "identity", spec, lambda windows: windows.mean(-1))
    with pytest.raises(SingeridError, match=r"of telephones: hears sound at 8000 Hz, a store's is at 16000"):
        prepare(scan_tree(encoded.tree), encoded.tree, tmp_path / "store", encoders=[encoder])
    assert not (tmp_path / "store").exists()


def test_a_recording_in_which_nobody_sings_has_vectors_of_its_vocals_too(encoded, tmp_path):
    shutil.copytree(encoded.tree.parent, tmp_path / "corpus")
    tree = tmp_path / "corpus" / "mixture"
    first, *_ = scan_tree(tree)
    samples, rate = soundfile.read(tree / first.path)
    soundfile.write(tmp_path / "corpus" / "vocals" / first.path, np.zeros_like(samples), rate)
    report = prepare(
        [first],
        tree,
        tmp_path / "store",
        workers=1,
        separator=open_separator("stems", tree=tree, stems=tmp_path / "corpus"),
        encoders=[open_encoder(encoded.encoder)],
    )
    assert (report.done, report.failures) == (1, ())
    (track,) = Store.open(tmp_path / "store").tracks
    encoder = part_of_name(open_encoder(encoded.encoder))
    assert np.isfinite(Store.open(tmp_path / "store").vectors(track, "vocals", encoder)[0]).all()


def test_the_command_keeps_vectors_and_says_what_it_does_not_know(encoded, tmp_path, singerid):
    output = singerid("prepare", encoded.tree, tmp_path / "store", "--encoder", encoded.encoder)
    assert output.returncode == 0, output.stderr
    part = part_of_name(open_encoder(encoded.encoder))
    assert len(list((tmp_path / "store" / "vectors" / "mixture" / part).iterdir())) == 9
    output = singerid("prepare", encoded.tree, tmp_path / "other", "--encoder", "camplus")
    assert output.returncode == 2
    assert output.stderr.startswith("singerid: unknown encoder 'camplus'; near names: campplus")
    assert not (tmp_path / "other").exists()


def test_an_encoder_can_be_sent_to_another_process(encoded):
    import pickle

    encoder = open_encoder(encoded.encoder)
    windows = torch.randn(2, encoder.spec.columns, encoder.spec.window_frames)
    sent = pickle.loads(pickle.dumps(encoder))
    assert torch.equal(sent(windows), encoder(windows))
    assert sent.identity == encoder.identity


def test_vocals_of_a_separator_that_knows_no_voices_say_nothing_of_voices(encoded, tmp_path):
    """REPET takes all that does not repeat for vocals: a band alone has loud vocals, though nobody sings."""
    require_weights("campplus")
    tree = encoded.tree.parent / "accompaniment"
    first, *_ = scan_tree(tree)
    encoder, separator = open_encoder(encoded.encoder), open_separator("repet")
    prepare([first], tree, tmp_path / "store", workers=1, separator=separator, encoders=[encoder])
    (track,) = Store.open(tmp_path / "store").tracks
    part = part_of_name(encoder)
    shares = [
        Store.open(tmp_path / "store").vectors(track, sound, part)[2] for sound in ("mixture", "vocals")
    ]
    # Both were listened to: the sum of REPET's parts is the mixture again.
    assert shares[1] == pytest.approx(shares[0], abs=0.01)
