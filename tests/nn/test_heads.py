"""Heads on vectors of windows, against their formulas."""

import torch

from singerid.encoders.back_end import unit
from singerid.nn.heads import Centroids, Probe

VECTORS = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))


def test_a_probe_is_a_linear_layer_on_vectors_or_clips_of_one_column():
    probe = Probe(singers=3, size=8)
    expected = VECTORS @ probe.output.weight.T + probe.output.bias
    torch.testing.assert_close(probe(VECTORS), expected)
    torch.testing.assert_close(probe(VECTORS[..., None]), expected)
    assert torch.equal(probe.embed(VECTORS[..., None]), VECTORS)


def test_centroids_are_scaled_cosines_after_the_back_end():
    head = Centroids(singers=3, size=8)
    draw = torch.Generator().manual_seed(1)
    for name, buffer in head.named_buffers():
        buffer.copy_(torch.randn(buffer.shape, generator=draw) if name != "scale" else torch.tensor(9.0))
    seen = unit(((VECTORS - head.mean) @ head.whitening).numpy())
    expected = 9 * torch.from_numpy(seen) @ head.centroids.T
    torch.testing.assert_close(head(VECTORS), expected)
    torch.testing.assert_close(head(VECTORS[..., None]), expected)


def test_new_centroids_change_nothing_and_do_not_learn():
    head = Centroids(singers=8, size=8)
    head.centroids.copy_(torch.eye(8))
    torch.testing.assert_close(head(VECTORS), torch.nn.functional.normalize(VECTORS))
    assert list(head.parameters()) == []
    assert set(head.state_dict()) == {"mean", "whitening", "centroids", "scale"}
