"""The solver on networks of PyTorch."""

import pathlib
import types
import warnings

import numpy as np
import pullback
import pytest

torch = pytest.importorskip("torch")

import pullback.torch  # noqa: E402


def test_jacobian():
    """Against the matrix that torch makes of a small function, in float64 and float32."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(12, 20), torch.nn.Tanh(), torch.nn.Linear(20, 7))
    for dtype in (torch.float32, torch.float64):
        f = net.to(dtype)
        x = torch.randn(12, dtype=dtype)
        exact = torch.func.jacrev(f)(x).detach().numpy()
        jacobian = pullback.torch.linearise(f, x, chunk=5)
        assert jacobian.shape == (7, 12) and jacobian.manner == "forward"
        assert np.abs(jacobian.matmat(np.eye(12)) - exact).max() < 1e-6
        assert np.abs(jacobian.rmatmat(np.eye(7)) - exact.T).max() < 1e-6
        found = pullback.svd(jacobian, 4, 1e-6)
        assert np.abs(found.s - np.linalg.svd(exact)[1][:4]).max() < 1e-5
    assert not x.requires_grad and x.grad is None


class _Backward(torch.autograd.Function):
    """x³, which has a derivative, and one of that, but none in forward mode."""

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * gradient


def test_double_backward():
    x = torch.randn(6)
    with pytest.warns(pullback.PullbackWarning, match="double-backward"):
        jacobian = pullback.torch.linearise(_Backward.apply, x)
    assert jacobian.manner == "double-backward"
    assert np.abs(jacobian.matmat(np.eye(6)) - np.diag(3 * x.numpy() ** 2)).max() < 1e-6


def test_fused_attention():
    q = torch.randn(1, 2, 16, 8)

    def f(x):
        return torch.nn.functional.scaled_dot_product_attention(x, x, x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jacobian = pullback.torch.linearise(f, q)
    v = np.random.default_rng(0).standard_normal(q.numel()).astype(np.float32)
    h = 1e-3
    step = torch.from_numpy(v).reshape(q.shape) * h
    numeric = ((f(q + step) - f(q - step)) / (2 * h)).reshape(-1).numpy()
    assert np.abs(jacobian.matvec(v) - numeric).max() < 2e-2 * np.abs(numeric).max()
    u = np.random.default_rng(1).standard_normal(q.numel()).astype(np.float32)
    assert abs(u @ jacobian.matvec(v) - v @ jacobian.rmatvec(u)) < 1e-3


def test_no_way():
    def f(x):
        return torch.from_numpy(x.detach().numpy() ** 2)

    with pytest.raises((NotImplementedError, pullback.Error)):
        pullback.torch.linearise(f, torch.randn(3))


def test_tap():
    """The tap's value, without what comes after it."""

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Linear(4, 5)
            self.second = torch.nn.Linear(5, 6)
            self.calls = 0

        def forward(self, x):
            y = self.first(x)
            self.calls += 1
            return (self.second(y), y)

    net, x = Net(), torch.randn(1, 4)
    assert torch.equal(pullback.torch.tap(net, "first")(x), net.first(x))
    assert net.calls == 0
    assert torch.equal(pullback.torch.tap(net, "")(x), net(x)[0])
    with pytest.raises(ValueError, match="'frist': first"):
        pullback.torch.tap(net, "frist")
    with pytest.raises(TypeError, match="name of a submodule"):
        pullback.torch.tap(net, net.first)
    net.idle = torch.nn.Linear(1, 1)
    with pytest.raises(ValueError, match="idle"):
        pullback.torch.tap(net, "idle")(x)


def test_refused():
    """What cannot be is said before any work, and a network's own error is shown as it is."""
    linear = torch.nn.Linear(3, 5)
    x = torch.randn(3)
    jacobian = pullback.torch.linearise(linear, x.clone().requires_grad_())
    for vectors in (np.ones((2, 6)), np.ones(3), np.ones((3, 5))):
        with pytest.raises(ValueError, match=r"\(k, 3\)"):
            jacobian.apply(vectors)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        pullback.torch.linearise(linear, torch.randn(4))
    for f, at, match in (
        (linear, np.ones(3), "x: expected a tensor, found ndarray"),
        (linear, torch.arange(3), "x: expected real"),
        (lambda z: z * 1j, x, "f.x.: expected real"),
        (lambda z: types.SimpleNamespace(sample=z), x, "take its .sample"),
    ):
        with pytest.raises(TypeError, match=match):
            pullback.torch.linearise(f, at)
    with pytest.raises(ValueError, match="chunk"):
        pullback.torch.linearise(linear, x, chunk=0)


def test_other_networks():
    """Bases of two networks of one class are told apart."""

    class Net(torch.nn.Module):
        def __init__(self, seed):
            super().__init__()
            torch.manual_seed(seed)
            self.layer = torch.nn.Conv2d(3, 4, 3, padding=1)

        def forward(self, x, timestep):
            return torch.tanh(self.layer(x))

    x = torch.randn(1, 3, 4, 4)
    how = {"tap": "layer", "rank": 2}
    nets = [Net(0), Net(1), Net(0)]
    a, b, c = (pullback.torch.basis(net, x.requires_grad_(), 5, **how) for net in nets)
    assert a.file is None and len(a.model_hash) == 64
    pullback.transport(a, c)
    with pytest.raises(ValueError, match="do not go together"):
        pullback.transport(a, b)
    with pytest.raises(ValueError, match="timestep"):
        pullback.torch.basis(nets[0], x, [1, 2], **how)


def test_diffusers(faces, point, basis, tmp_path):
    """A U-Net of diffusers has the engine's basis, with its certificate."""
    diffusers = pytest.importorskip("diffusers")
    folder = pathlib.Path(faces.info["path"]) / "unet"
    net = diffusers.UNet2DModel.from_pretrained(folder).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pullback.torch.basis(
            net, torch.from_numpy(point.x.copy()), point.timestep, rank=6, verify=True
        )
    assert np.abs(found.s - basis.s).max() < 1e-4 * basis.s[0]
    assert pullback.angles(found.v, basis.v).max() < 1e-2
    assert found.residual.max() <= 1e-3 and found.facts["verified"].max() < 1.1e-3
    assert found.u.shape == basis.u.shape
    found.save(tmp_path / "b.safetensors")
    assert pullback.load(tmp_path / "b.safetensors").tap == "mid_block"
    h, _ = pullback.compare([found, found], across_models=True)
    assert h.geodesic.max() < 1e-3
