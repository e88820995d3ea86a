"""Inception v3 (Szegedy et al. 2016, Rethinking the inception architecture), without the auxiliary classifier."""

from typing import Any

from layers import Layers
from networks import Network, classifier, images


def _conv(n: Layers, x: Any, channels: int, maps: int, size: Any, stride: int = 1, pad: Any = 0) -> Any:
    return n.relu(n.norm(n.conv(x, channels, maps, size, stride, pad), maps))


def _chain(n: Layers, x: Any, channels: int, *layers: tuple[int, Any, Any]) -> Any:
    """One convolution after the other: (maps, size, pad) of each."""
    for maps, size, pad in layers:
        x = _conv(n, x, channels, maps, size, 1, pad)
        channels = maps
    return x


def _module35(n: Layers, x: Any, channels: int, pooled: int) -> Any:
    """Figure 5 of the paper, of 224 + pooled maps."""
    return n.concatenate(
        [
            _conv(n, x, channels, 64, 1),
            _chain(n, x, channels, (48, 1, 0), (64, 5, 2)),
            _chain(n, x, channels, (64, 1, 0), (96, 3, 1), (96, 3, 1)),
            _conv(n, n.mean_pool(x, 3, 1, 1), channels, pooled, 1),
        ],
        1,
    )


def _module17(n: Layers, x: Any, inner: int) -> Any:
    """Figure 6 of the paper: 768 maps, and again 768."""
    across, down = ((1, 7), (0, 3)), ((7, 1), (3, 0))
    return n.concatenate(
        [
            _conv(n, x, 768, 192, 1),
            _chain(n, x, 768, (inner, 1, 0), (inner, *across), (192, *down)),
            _chain(n, x, 768, (inner, 1, 0), (inner, *down), (inner, *across), (inner, *down), (192, *across)),
            _conv(n, n.mean_pool(x, 3, 1, 1), 768, 192, 1),
        ],
        1,
    )


def _module8(n: Layers, x: Any, channels: int) -> Any:
    """Figure 7 of the paper: 2048 maps."""
    second = _conv(n, x, channels, 384, 1)
    third = _chain(n, x, channels, (448, 1, 0), (384, 3, 1))
    parts = [_conv(n, h, 384, 384, size, 1, pad) for h in (second, third) for size, pad in SPLIT]
    return n.concatenate(
        [_conv(n, x, channels, 320, 1), *parts, _conv(n, n.mean_pool(x, 3, 1, 1), channels, 192, 1)], 1
    )


SPLIT = (((1, 3), (0, 1)), ((3, 1), (1, 0)))


def _smaller35(n: Layers, x: Any) -> Any:
    """288 maps to 768 of half the size."""
    second = _chain(n, x, 288, (64, 1, 0), (96, 3, 1))
    return n.concatenate([_conv(n, x, 288, 384, 3, 2), _conv(n, second, 96, 96, 3, 2), n.max_pool(x, 3, 2, 0)], 1)


def _smaller17(n: Layers, x: Any) -> Any:
    """768 maps to 1280 of half the size."""
    first = _conv(n, _conv(n, x, 768, 192, 1), 192, 320, 3, 2)
    second = _chain(n, x, 768, (192, 1, 0), (192, (1, 7), (0, 3)), (192, (7, 1), (3, 0)))
    return n.concatenate([first, _conv(n, second, 192, 192, 3, 2), n.max_pool(x, 3, 2, 0)], 1)


def inception_v3(batch: int = 2) -> Network:
    """On 139x139, which leaves 3x3 behind the last module."""

    def logits(n: Layers, x: Any) -> Any:
        x = _chain(n, _conv(n, x, 3, 32, 3, 2), 32, (32, 3, 0), (64, 3, 1))
        x = _chain(n, n.max_pool(x, 3, 2, 0), 64, (80, 1, 0), (192, 3, 0))
        x, channels = n.max_pool(x, 3, 2, 0), 192
        for pooled in (32, 64, 64):
            x, channels = _module35(n, x, channels, pooled), 224 + pooled
        x = _smaller35(n, x)
        for inner in (128, 160, 160, 192):
            x = _module17(n, x, inner)
        x = _smaller17(n, x)
        for channels in (1280, 2048):
            x = _module8(n, x, channels)
        return n.dense(n.mean(x, (2, 3)), 2048, 10)

    return classifier(logits, images(batch, 3, 139, 139))
