"""A processor that plans are made for, whatever runs the tests."""

import pytest


@pytest.fixture
def avx2(monkeypatch):
    """Plans as for a processor with sixteen registers of 32 bytes, whatever this one has; nothing is compiled."""
    from weft.codegen.cpu import model
    from weft.codegen.cpu.matmul import plan
    from weft.codegen.cpu.run import made, native, processor
    from weft.codegen.cpu.tiles import shapes

    monkeypatch.setattr(plan, "host", lambda: model.COMMON)
    monkeypatch.setattr(processor, "vector_bytes", lambda: 32)
    monkeypatch.setattr(processor, "host_triple", lambda: "x86_64-unknown-linux-gnu")
    monkeypatch.setattr(native, "object_codes", None)
    monkeypatch.setattr(made, "address", None)
    cached = [shapes.shape, shapes.best_shape]
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()
