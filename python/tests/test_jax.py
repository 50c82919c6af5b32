"""The solver on functions of JAX."""

import numpy as np
import pullback
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import pullback.jax  # noqa: E402


def network(x):
    """Convolutions, a gate, attention between positions; (2,6,6) to (3,6,6)."""
    rng = np.random.default_rng(0)
    kernel = jnp.asarray(rng.standard_normal((3, 2, 3, 3)), x.dtype)
    mixing = jnp.asarray(rng.standard_normal((3, 3)), x.dtype)
    h = jax.nn.silu(jax.lax.conv_general_dilated(x[None], kernel, (1, 1), "SAME")[0])
    tokens = h.reshape(3, -1).T
    weights = jax.nn.softmax(tokens @ mixing @ tokens.T / 3, axis=-1)
    return h + (weights @ tokens).T.reshape(h.shape)


def test_jacobian():
    """Against the matrix that JAX makes of it, in blocks of all widths."""
    x = np.random.default_rng(1).standard_normal((2, 6, 6)).astype(np.float32)
    exact = np.asarray(jax.jacrev(network)(jnp.asarray(x))).reshape(108, 72)
    jacobian = pullback.jax.linearise(network, x, chunk=5)
    assert jacobian.shape == (108, 72)
    assert np.abs(jacobian.matmat(np.eye(72)) - exact).max() < 1e-5
    assert np.abs(jacobian.rmatmat(np.eye(108)) - exact.T).max() < 1e-5
    found = pullback.svd(jacobian, 6, 1e-5)
    assert np.abs(found.s - np.linalg.svd(exact)[1][:6]).max() < 1e-4 * found.s[0]
    assert found.residual.max() <= 1e-5
    assert found.v.dtype == np.float32


def test_half_precision():
    """Vectors are float32 outside, and of x's type inside."""
    x = jnp.asarray(np.random.default_rng(1).standard_normal((2, 6, 6)), jnp.bfloat16)
    jacobian = pullback.jax.linearise(network, x)
    assert jacobian.value.dtype == jnp.bfloat16
    exact = np.asarray(jax.jacrev(network)(x.astype(jnp.float32))).reshape(108, 72)
    found = jacobian.matmat(np.eye(72))
    assert np.abs(found - exact).max() < 0.05 * np.abs(exact).max()
