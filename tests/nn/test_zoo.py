"""Image networks: what they hold and cost, the sizes inside, gradients, training and test, names, mistakes."""

import numpy as np
import pytest

import weft as wf
from weft.nn import count, init, losses, parameters, summary, updates, variables, zoo
from weft.ops.updating import updates_of
from weft.symbolic import variables as made
from weft.symbolic.expr import toposort

from ..sampling import every, every_row

SIZES = [  # millions of multiply-adds: of the papers where they say it, else sums over the layers
    ("alexnet", {}, 224, 60_965_224, 724),
    ("zfnet", {}, 224, 62_357_608, 1168),
    ("vgg_a", {}, 224, 132_863_336, 7609),
    ("vgg_a_lrn", {}, 224, 132_863_336, 7609),
    ("vgg_b", {}, 224, 133_047_848, 11308),
    ("vgg_c", {}, 224, 133_638_952, 11771),
    ("vgg_d", {}, 224, 138_357_544, 15470),
    ("vgg_e", {}, 224, 143_667_240, 19632),
    ("googlenet", {}, 224, 6_998_552, 1583),
    ("googlenet", {"aux": True}, 224, 13_378_280, None),
    ("googlenet", {"normal": True}, 224, 6_998_552 + 7_280, 1583),
    ("googlenet", {"normal": True, "aux": True}, 224, 13_378_280 + 7_280 + 2 * 128, None),
    ("inception_v3", {}, 299, 23_834_568, 5713),
    ("inception_v3", {"aux": True}, 299, 27_161_264, None),
    ("resnet18", {}, 224, 11_689_512, 1814),
    ("resnet34", {}, 224, 21_797_672, 3664),
    ("resnet50", {}, 224, 25_557_032, 4089),
    ("resnet", {"bottleneck": True, "stride_first": True}, 224, 25_557_032, 3858),
    ("resnet", {"plain": True}, 224, 21_623_848, 3644),
    ("resnet101", {}, 224, 44_549_160, 7801),
    ("resnet152", {}, 224, 60_192_808, 11514),
    ("densenet121", {}, 224, 7_978_856, 2834),
    ("densenet161", {}, 224, 28_681_000, 7728),
    ("densenet169", {}, 224, 14_149_480, 3360),
    ("densenet201", {}, 224, 20_013_928, 4291),
    ("densenet264", {}, 224, 33_337_704, 5752),
    ("cifar_resnet", {}, 32, 269_722, 41),
    ("cifar_resnet", {"depth": 20, "plain": True}, 32, 269_722, 41),
    ("cifar_resnet", {"depth": 32}, 32, 464_154, 69),
    ("cifar_resnet", {"depth": 44}, 32, 658_586, 97),
    ("cifar_resnet", {"depth": 56}, 32, 853_018, 125),
    ("cifar_resnet", {"depth": 56, "plain": True}, 32, 853_018, 125),
    ("cifar_resnet", {"depth": 110}, 32, 1_727_962, 253),
    ("cifar_densenet", {}, 32, 769_162, 288),
    ("cifar_densenet", {"depth": 40, "bottleneck": False}, 32, 1_019_722, 265),
    ("cifar_densenet", {"depth": 100, "growth": 24, "bottleneck": False}, 32, 27_249_082, 6889),
    ("cifar_densenet", {"depth": 190, "growth": 40}, 32, 25_624_430, 9302),
    ("small_vgg", {"classes": 20}, 96, 9_735_412, 357),
]

INSIDE = [  # (network, height and width, {layer: its maps, height and width})
    ("alexnet", 224, {"conv1": (96, 55), "conv2": (256, 27), "conv3": (384, 13), "conv5": (256, 13)}),
    ("zfnet", 224, {"conv1": (96, 110), "conv2": (256, 26), "conv3": (384, 13), "conv5": (256, 13)}),
    ("vgg16", 224, {f"conv{i}_1": (maps, 448 >> i) for i, maps in enumerate((64, 128, 256, 512, 512), 1)}),
    ("googlenet", 224, {"conv1": (64, 112), "conv2": (192, 56), "inception3a.1x1": (64, 28)}),
    ("googlenet", 224, {"inception4a.3x3": (208, 14), "inception4e.5x5": (128, 14), "inception5b.1x1": (384, 7)}),
    ("inception_v3", 299, {"conv1": (32, 149), "conv2": (32, 147), "conv3": (64, 147), "conv4": (80, 73)}),
    (
        "inception_v3",
        299,
        {"conv5": (192, 71), "mixed5d.c3": (96, 35), "mixed6e.c5": (192, 17), "mixed7c.a1": (320, 8)},
    ),
    ("resnet50", 224, {"conv1": (64, 112), "conv2_3.conv3": (256, 56), "conv3_4.conv3": (512, 28)}),
    ("resnet50", 224, {"conv4_1.conv1": (256, 28), "conv4_6.conv3": (1024, 14), "conv5_3.conv3": (2048, 7)}),
    ("densenet121", 224, {"conv0": (64, 112), "block1_6.conv2": (32, 56), "transition1.conv": (128, 56)}),
    ("densenet121", 224, {"block2_12.conv2": (32, 28), "block3_24.conv1": (128, 14), "block4_16.conv2": (32, 7)}),
    ("cifar_resnet", 32, {"conv1": (16, 32), "conv2_3.conv2": (16, 32), "conv3_1.conv1": (32, 16)}),
]


def images(size, batch="n", dtype=None):
    return wf.tensor4("x", (batch, 3, size, size), dtype)


def zeros(shape, rng):
    """Weights without memory of their own."""
    return np.broadcast_to(np.float32(0), shape)


@pytest.fixture
def unallocated(monkeypatch):
    """Shared variables hold the arrays that they are given: those of VGG-16 are half a gigabyte."""
    monkeypatch.setattr(made, "own_copy", lambda value, kind: np.asarray(value))


def outputs(found):
    return list(found) if isinstance(found, tuple) else [found]


@pytest.mark.parametrize(("name", "options", "size", "wanted", "millions"), every_row(4, SIZES))
def test_what_networks_hold_and_cost(unallocated, name, options, size, wanted, millions):
    found = getattr(zoo, name)(images(size), weights=zeros, **options)
    classes = options.get("classes", 10 if name.startswith("cifar") else 1000)
    assert [y.shape[1] for y in outputs(found)] == [classes] * len(outputs(found))
    assert count(found) == wanted
    assert f"{wanted:,}" in zoo.__doc__
    if millions is not None:
        assert round(summary(found).multiply_adds / 1e6) == millions


@pytest.mark.parametrize(("name", "size", "layers"), INSIDE)
def test_sizes_inside_are_those_of_the_papers_tables(unallocated, name, size, layers):
    function = getattr(zoo, name)
    shapes = {row.name: row.shape[1:] for row in summary(function(images(size), weights=zeros, name="net")).rows}
    for layer, (maps, side) in layers.items():
        assert shapes[f"net.{layer}"] == (maps, side, side), layer


def convolutions(y):
    """How many layers there are, as papers count them: without the shortcuts'."""
    return len([name for name in parameters(y) if name.endswith("_w") and "shortcut" not in name])


def test_depths(unallocated):
    for name, depth in (("alexnet", 8), ("vgg_a", 11), ("vgg_b", 13), ("vgg_c", 16), ("vgg16", 16), ("vgg19", 19)):
        assert convolutions(getattr(zoo, name)(images(224), weights=zeros)) == depth
    for depth in (18, 50):
        assert convolutions(getattr(zoo, f"resnet{depth}")(images(64), weights=zeros)) == depth
    for depth in (121, 169):
        assert convolutions(getattr(zoo, f"densenet{depth}")(images(64), weights=zeros)) == depth
    for depth in (20, 110):
        assert convolutions(zoo.cifar_resnet(images(32), depth, weights=zeros)) == depth
        assert convolutions(zoo.cifar_resnet(images(32), depth, plain=True, weights=zeros)) == depth
    assert convolutions(zoo.cifar_densenet(images(32), 40, bottleneck=False, weights=zeros)) == 40


SMALL = {  # narrow networks for small images: what they are made with, and the images' size
    "alexnet": (63, {"width": 0.03}),
    "zfnet": (63, {"width": 0.03}),
    "vgg_a_lrn": (32, {"width": 0.03}),
    "vgg_c": (32, {"width": 0.03}),
    "small_vgg": (8, {"width": 0.1}),
    "googlenet": (79, {"width": 0.03, "aux": True}),
    "inception_v3": (75, {"width": 0.03}),
    "resnet": (16, {"width": 0.05, "repeats": (1, 2)}),
    "resnet bottleneck": (16, {"width": 0.05, "repeats": (1, 2), "bottleneck": True, "stride_first": True}),
    "cifar_resnet": (9, {"depth": 8, "width": 0.25}),
    "cifar_resnet plain": (9, {"depth": 8, "width": 0.25, "plain": True}),
    "densenet": (16, {"blocks": (1, 2), "growth": 4}),
    "cifar_densenet": (9, {"depth": 10, "growth": 4}),
    "cifar_densenet simple": (9, {"depth": 10, "growth": 4, "bottleneck": False}),
}
NOISY = ("alexnet", "zfnet", "vgg_a_lrn", "vgg_c", "small_vgg", "googlenet", "inception_v3")


def small(label, training=False, dropout=False, **options):
    """A small network in float64, over a batch of 3 images; no parameter begins with a number that others have."""
    size, own = SMALL[label]
    x, name, rng = images(size, 3, "float64"), label.split()[0], np.random.default_rng(0)
    drop = {} if dropout or label not in NOISY else {"dropout": 0.0}
    with wf.config(float_dtype="float64"):
        found = getattr(zoo, name)(x, classes=4, training=training, rng=rng, **own, **drop, **options)
    for variable in variables(found).values():
        if variable.ndim == 1 and variable.dtype.kind == "f":
            low, high = (0.5, 1.5) if variable.name.endswith(("_scale", "_var")) else (-0.3, 0.3)
            variable.set_value(rng.uniform(low, high, variable.shape))
    return x, found, rng.normal(size=(3, 3, size, size))


@pytest.mark.parametrize("label", every(2, SMALL))
def test_gradients_are_those_of_the_values(label):
    """Along a random direction of images and all parameters, so short a way that hardly a relu changes sides.

    Batch normalisation is that of training, but in Inception: there 48 layers of a batch of 3 magnify every difference.
    """
    x, found, value = small(label, training=label == "small_vgg" or label not in NOISY)
    leaves = {p: p.get_value() for p in parameters(found).values()} | {x: value}
    rng, total = np.random.default_rng(1), sum(wf.sum(y * y) for y in outputs(found))
    along = {leaf: rng.normal(size=at.shape) for leaf, at in leaves.items()}
    numeric = [float(wf.evaluate(total, {p: at + h * along[p] for p, at in leaves.items()})) for h in (1e-8, -1e-8)]
    slopes = wf.evaluate(wf.grad(total, list(leaves)), leaves)
    derivative = sum(float((g * along[p]).sum()) for g, p in zip(slopes, leaves, strict=True))
    assert derivative == pytest.approx((numeric[0] - numeric[1]) / 2e-8, rel=1e-4)


@pytest.mark.parametrize("label", every(4, SMALL))
def test_one_graph_serves_training_and_test(label):
    """It gives what the graph of a bool gives, and in test nothing updates averages."""
    flag = wf.scalar("training", dtype="bool")
    for training in (False, True):
        stream = {"stream": wf.random.Stream(1)} if label in NOISY else {}
        x, found, value = small(label, flag, dropout=True, **stream)
        one = wf.evaluate(outputs(found), {x: value, flag: training})
        stream = {"stream": wf.random.Stream(1)} if label in NOISY else {}
        x, found, value = small(label, training, dropout=True, **stream)
        for a, b in zip(one, wf.evaluate(outputs(found), {x: value}), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
        normal = any(name.endswith("_mean") for name in variables(found))
        assert bool(updates_of(toposort(outputs(found)))) == (normal and training)


@pytest.mark.parametrize("label", SMALL)
def test_names_are_the_same_when_it_is_built_again(label):
    first, again = (variables(small(label)[1]) for _ in range(2))
    assert list(first) == list(again)
    assert len({v.name for v in first.values()}) == len(first)
    for name, variable in first.items():
        np.testing.assert_array_equal(variable.get_value(), again[name].get_value())
    word = label.split()[0].removeprefix("cifar_")
    assert all(name.startswith((f"{word}.", "random_")) for name in first)
    assert all(name.startswith(("tower.", "random_")) for name in variables(small(label, name="tower")[1]))


def test_weights_and_seeds():
    x = images(9)
    init.seed(3)
    one = parameters(zoo.cifar_densenet(x, 10, 4, dropout=0.5, training=True))
    init.seed(3)
    for name, p in parameters(zoo.cifar_densenet(x, 10, 4, dropout=0.5, training=False)).items():
        np.testing.assert_array_equal(p.get_value(), one[name].get_value())
    for name, p in parameters(zoo.cifar_resnet(x, 8, weights=init.orthogonal)).items():
        if name.endswith("_w"):
            flat = p.get_value().reshape(p.shape[0], -1)
            small_side = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
            np.testing.assert_allclose(small_side, np.eye(len(small_side)), atol=1e-5)


def test_width():
    """It multiplies numbers of maps, but for channels of images and classes."""
    sizes = {name: p.shape for name, p in parameters(zoo.alexnet(images(63), 7, width=0.03)).items()}
    assert sizes["alexnet.conv1_w"] == (2, 3, 11, 11)
    assert sizes["alexnet.conv3_w"] == (12, 8, 3, 3)
    assert sizes["alexnet.fc8_w"] == (122, 7)
    twice = parameters(zoo.cifar_resnet(images(8), 8, width=2))
    assert twice["resnet.conv2_1.conv1_w"].shape == (32, 32, 3, 3)
    assert twice["resnet.fc_w"].shape == (128, 10)


def test_images_of_sizes_that_are_symbols():
    """Where means over all of space end it; odd sizes and even ones."""
    x = wf.tensor4("x", ("n", 3, "h", "w"))
    rng = np.random.default_rng(0)
    for found in (zoo.cifar_resnet(x, 8, width=0.25), zoo.cifar_densenet(x, 10, 4), zoo.resnet(x, (1, 1), width=0.05)):
        for shape in ((2, 3, 8, 8), (1, 3, 9, 7), (0, 3, 8, 9)):
            assert wf.evaluate(found, {x: rng.normal(size=shape).astype("float32")}).shape == (shape[0], found.shape[1])
    for name in ("googlenet", "inception_v3", "resnet50", "densenet"):
        options = {"blocks": (1, 1)} if name == "densenet" else {"width": 0.03}
        assert getattr(zoo, name)(x, **options).shape == (x.shape[0], 1000)


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (lambda: zoo.vgg16(images(16), width=0.1), wf.ShapeError, "vgg16: max_pool2d: the window is larger"),
        (lambda: zoo.vgg16(images("h"), width=0.1), wf.ShapeError, "vgg16: dense: axis 1 of x has the size"),
        (lambda: zoo.vgg16(wf.matrix("m")), wf.ShapeError, "vgg16: x has 2 axes, and needs 4"),
        (lambda: zoo.vgg16(images(32, dtype="int32")), wf.DTypeError, "vgg16 takes floats, not int32"),
        (lambda: zoo.vgg16(images(32), 0), wf.ArgumentError, "vgg16: classes is a whole number from 1 to"),
        (lambda: zoo.vgg16(images(32), width=0), wf.ArgumentError, "vgg16: width .* above 0 and up to 16, not 0"),
        (lambda: zoo.vgg16(images(32), stream=1), wf.ArgumentError, "vgg16: stream is a random.Stream or None, not 1"),
        (lambda: zoo.vgg16(images(32), weights=0.1), wf.ArgumentError, "vgg16: weights is a function, not 0.1"),
        (lambda: zoo.vgg16(images(32), name=""), wf.ArgumentError, "vgg16: name is a string that is not empty"),
        (lambda: zoo.resnet50(images(32), training=1), wf.DTypeError, "training is a bool or a scalar bool expression"),
        (lambda: zoo.resnet(images(32), (1, 0)), wf.ArgumentError, "resnet: a number of repeats is a whole number"),
        (lambda: zoo.cifar_resnet(images(32), 21), wf.ArgumentError, "depth is 6 n \\+ 2, .* not 21"),
        (
            lambda: zoo.cifar_densenet(images(32), 41),
            wf.ArgumentError,
            "depth is 6 n \\+ 4 for .*, not 41",
        ),
        (lambda: zoo.googlenet(images(64), aux=1), wf.ArgumentError, "googlenet: aux is True or False, not 1"),
        (lambda: zoo.googlenet(images(64), width=0.1, aux=True), wf.ShapeError, "avg_pool2d: the window is larger"),
    ],
)
def test_mistakes(wrong, error, text):
    with pytest.raises(error, match=text) as caught:
        wrong()
    assert "test_zoo.py" in caught.value.__notes__[0]


def test_a_compiled_network_learns():
    """In training and in test, one graph."""
    x, labels, flag = images(8, 4), wf.vector("labels", (4,), "int64"), wf.scalar("training", dtype="bool")
    rng = np.random.default_rng(0)
    y = zoo.cifar_resnet(x, 8, training=flag, width=0.25, rng=rng)
    loss = losses.crossentropy(y, labels).mean()
    step = wf.function([x, labels], loss, updates=updates.momentum(loss, parameters(loss), 0.05), givens={flag: True})
    batch = rng.normal(size=(4, 3, 8, 8)).astype("float32"), np.arange(4)
    found = [float(step(*batch)) for _ in range(20)]
    assert found[-1] < 0.2 * found[0]
    test = wf.function([x], y, givens={flag: False})
    np.testing.assert_allclose(test(batch[0]), wf.evaluate(y, {x: batch[0], flag: False}), rtol=1e-4, atol=1e-4)
