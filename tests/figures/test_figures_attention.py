"""Attention over a spectrogram: values, extents, the marked position, and no overlap."""

from dataclasses import replace

import numpy as np
import pytest

from singerid.figures import AttentionPicture, draw_attention

RNG = np.random.default_rng(0)
SHARES = RNG.dirichlet(np.ones(2), 4).T
PICTURE = AttentionPicture(
    song="a song",
    place="seen from here",
    mel=RNG.normal(-40, 10, (128, 94)),
    frequencies=np.linspace(30, 7900, 128),
    start_s=6.016,
    frame_seconds=0.032,
    query=(3, 4),
    layers=(
        ("X_i", RNG.gamma(0.5, 2, (4, 16, 11)), (8, 8)),
        ("X_j", RNG.gamma(0.5, 2, (4, 32, 23)), (4, 4)),
    ),
    shares=SHARES,
    excitation=RNG.dirichlet(np.ones(4), 7),
    clip=2,
)


def panels(figure):
    """(layer's row, response) -> axes."""
    found = [axes for axes in figure.axes if axes.get_title().startswith("response")]
    return {(index // 4, index % 4): axes for index, axes in enumerate(found)}


def test_each_panel_shows_its_layer_and_response_where_it_is_in_time_and_frequency():
    drawn = panels(draw_attention(PICTURE))
    assert len(drawn) == 8
    for (layer, response), axes in drawn.items():
        _, weights, (bands, frames) = PICTURE.layers[layer]
        spectrogram, attention = axes.images
        np.testing.assert_array_equal(attention.get_array(), np.maximum(weights[response], 1))
        assert attention.norm.vmin == 1  # even attention is the first colour, which is transparent
        assert attention.get_cmap()(0.0)[3] == 0
        # 11 positions of 8 frames, 23 of 4: 88 and 92 of the 94 frames; pooling leaves out the rest
        width = weights.shape[2] * frames * 0.032
        assert attention.get_extent() == pytest.approx((6.016, 6.016 + width, 0, weights.shape[1] * bands))
        assert spectrogram.get_extent() == pytest.approx((6.016, 6.016 + 94 * 0.032, 0, 128))
        assert axes.get_xlim() == pytest.approx((6.016, 6.016 + 94 * 0.032))
        (mark,) = axes.patches
        assert mark.get_xy() == pytest.approx((6.016 + 4 * 8 * 0.032, 3 * 8))
        assert (mark.get_width(), mark.get_height()) == pytest.approx((8 * 0.032, 8))
        assert f": {SHARES[layer, response]:.0%} on" in axes.get_title()


def test_frequencies_are_labelled_at_the_bands_that_have_them():
    axes = panels(draw_attention(PICTURE))[0, 0]
    for tick, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        band = int(np.argmin(abs(PICTURE.frequencies - 1000 * float(label.get_text()))))
        assert abs(band + 0.5 - tick) <= 0.5


def test_excitation_is_drawn_over_the_song_or_said_to_be_missing():
    song = next(axes for axes in draw_attention(PICTURE).axes if "over the song" in axes.get_title())
    np.testing.assert_array_equal(song.images[0].get_array(), PICTURE.excitation.T)
    assert song.images[0].get_extent() == pytest.approx((0, 7 * 94 * 0.032, 4.5, 0.5))
    (mark,) = song.patches
    assert mark.get_xy()[0] == pytest.approx(2 * 94 * 0.032)
    without = draw_attention(replace(PICTURE, excitation=None))
    assert any("no excitation" in text.get_text() for axes in without.axes for text in axes.texts)


@pytest.mark.parametrize(("responses", "layers"), [(1, 1), (4, 2), (8, 2)])
def test_nothing_overlaps(responses, layers):
    shapes = [(responses, 16, 11), (responses, 32, 23)][:layers]
    figure = draw_attention(
        replace(
            PICTURE,
            song="x" * 300,
            layers=[("X_i", np.ones(shape), (128 // shape[1],) * 2) for shape in shapes],
            shares=np.full((len(shapes), responses), 1 / len(shapes)),
            excitation=np.ones((7, responses)),
        )
    )
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes if axes.axison]
    boxes.append(figure._suptitle.get_window_extent())
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
    assert figure._suptitle.get_window_extent().x0 >= 0
