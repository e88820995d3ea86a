"""Pictures: where pixels go, and what is drawn."""

import numpy as np
import pytest

import weft as wf
from weft.nn import pictures

RNG = np.random.default_rng(0)


def test_images_stand_in_a_grid():
    images = np.arange(5 * 2 * 3).reshape(5, 2, 3)
    found = pictures.grid(images, columns=3, each=False)
    assert found.shape == (2 * 3 - 1, 3 * 4 - 1)
    np.testing.assert_allclose(found[0:2, 4:7], images[1] / 29)
    np.testing.assert_allclose(found[3:5, 0:3], images[3] / 29)
    assert (found[2] == 1).all()
    assert (found[3:, 8:] == 1).all()
    one = pictures.grid(images)[0:2, 0:3]
    assert (one.min(), one.max()) == (0, 1)


def test_colours_and_images_that_are_the_same_everywhere():
    assert pictures.grid(RNG.normal(size=(4, 3, 5, 6))).shape == (11, 13, 3)
    assert (pictures.grid(np.full((1, 1, 2, 2), 7.0)) == 0.5).all()
    assert pictures.grid(np.full((1, 2, 2), True)).dtype == np.float32


@pytest.mark.parametrize("shape", [(2, 2), (2, 4, 5, 5), (0, 3, 3), (1, 0, 3)])
def test_what_is_no_image(shape):
    with pytest.raises(wf.WeftError, match="grid"):
        pictures.grid(np.zeros(shape))


def test_figures(tmp_path):
    pytest.importorskip("matplotlib")
    pictures.images(RNG.normal(size=(9, 8, 8)), tmp_path / "a" / "images.png", "nine")
    w = wf.shared(RNG.normal(size=(4, 2, 3, 3)), "w")
    figure = pictures.filters(w, tmp_path / "filters.png")
    assert figure.axes[0].images[0].get_array().shape == (4 * 4 - 1, 2 * 4 - 1)
    layers = {"one": RNG.normal(size=(5, 4)), "two": [np.nan, np.inf, 1.0], "three": np.zeros(0)}
    figure = pictures.histograms(layers, tmp_path / "layers.png")
    assert [plot.get_title() for plot in figure.axes][1] == "two\n1 ± 0"
    assert all((tmp_path / name).stat().st_size > 2000 for name in ("a/images.png", "filters.png", "layers.png"))
    with pytest.raises(wf.ShapeError, match="filters"):
        pictures.filters(np.zeros((3, 3)))
    with pytest.raises(wf.ArgumentError, match="no arrays"):
        pictures.histograms({})
