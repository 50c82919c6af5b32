"""The certified solver on any function of JAX.

>>> import pullback, pullback.jax
>>> pullback.svd(pullback.jax.linearise(f, x), 10)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._errors import check_whole
from ._pictures import Floats, floats
from ._solve import Operator, check_vectors


class Linearisation(Operator):
    """The Jacobian of a function at x. Made by ``linearise``."""

    def __init__(self, f: Callable[[Any], Any], x: Any, chunk: int) -> None:
        check_whole("chunk", chunk, 1)
        self.x = jnp.asarray(x)
        if not jnp.issubdtype(self.x.dtype, jnp.floating):
            raise TypeError(f"x: expected real floating-point numbers, found {self.x.dtype}")
        self.block = chunk
        self.value, push = jax.linearize(f, self.x)
        if not jnp.issubdtype(getattr(self.value, "dtype", None), jnp.floating):
            raise TypeError(f"f: expected one array of real numbers, found {self.value!r:.60}")
        pull = jax.linear_transpose(push, self.x)
        self._push = jax.jit(jax.vmap(push))
        self._pull = jax.jit(jax.vmap(lambda u: pull(u)[0]))
        super().__init__(self.value.size, self.x.size)

    def apply(self, vectors: Floats, transposed: bool = False) -> Floats:
        """J of k vectors (k,cols), one after the other, as (k,rows); transposed: Jᵀ of (k,rows)."""
        like = self.value if transposed else self.x
        vectors = check_vectors(vectors, like.size)
        act = self._pull if transposed else self._push
        step = self.block
        parts = [
            act(jnp.asarray(vectors[i : i + step], like.dtype).reshape(-1, *like.shape))
            for i in range(0, len(vectors), step)
        ]
        return floats(np.concatenate([np.asarray(p) for p in parts]).reshape(len(vectors), -1))


def linearise(f: Callable[[Any], Any], x: Any, chunk: int = 8) -> Linearisation:
    """The Jacobian of a function of one array at x, as a linear operator. chunk: vectors that go
    through together (each number of them is compiled once)."""
    return Linearisation(f, x, chunk)


__all__ = ["Linearisation", "linearise"]
