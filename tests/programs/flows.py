"""Densities by change of variables: affine couplings, masked layers, planar maps; and a neural ODE with an adjoint."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)
angle = torch.rand(64) * math.pi
moons = torch.stack([angle.cos(), angle.sin()], 1) + 0.1 * torch.randn(64, 2)


class MaskedLinear(nn.Linear):
    def __init__(self, n_in, n_out, mask):
        super().__init__(n_in, n_out)
        self.register_buffer("mask", mask)

    def forward(self, x):
        return F.linear(x, self.mask * self.weight, self.bias)


class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip, self.net = flip, nn.Sequential(nn.Linear(1, 8), nn.LeakyReLU(), nn.Linear(8, 2))

    def forward(self, x):
        a, b = x.chunk(2, dim=1) if not self.flip else x.chunk(2, dim=1)[::-1]
        s, t = torch.split(self.net(a), [1, 1], dim=-1)
        s = torch.tanh(s)
        b = b * torch.exp(s) + t
        return torch.cat([a, b] if not self.flip else [b, a], dim=1), s.sum(dim=1)

    def inverse(self, y):
        a, b = (y[:, :1], y[:, 1:]) if not self.flip else (y[:, 1:], y[:, :1])
        s, t = self.net(a).unbind(dim=-1)
        b = (b - t[:, None]) * torch.exp(-torch.tanh(s))[:, None]
        return torch.cat((a, b) if not self.flip else (b, a), dim=1)


class Planar(nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.u, self.b = (nn.Parameter(torch.empty(1, n)) for n in (2, 2, 1))
        for p in self.parameters():
            p.data.uniform_(-0.01, 0.01)

    def forward(self, z):
        h = torch.tanh(F.linear(z, self.w, self.b[0]))
        psi = (1 - h**2) * self.w
        return z + self.u * h, torch.log(torch.abs(1 + psi @ self.u.t()) + 1e-8).squeeze()


flow = nn.ModuleList([Coupling(False), Coupling(True), Planar(), Coupling(False)])
made = MaskedLinear(2, 2, torch.tril(torch.ones(2, 2), diagonal=-1))
optimizer = torch.optim.Adamax(list(flow.parameters()) + list(made.parameters()), lr=5e-3)
for step in range(5):
    z, log_det = moons, torch.zeros(64)
    for layer in flow:
        z, ld = layer(z)
        log_det += ld
    prior = -0.5 * (z**2).sum(-1) - math.log(2 * math.pi)
    loss = -(prior + log_det).mean() + F.huber_loss(made(moons), moons)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{step} nll {loss:.5f}")
with torch.no_grad():
    y, _ = flow[0](moons)
    print(f"{(flow[0].inverse(y) - moons).abs().max() < 1e-5}", f"{flow[1].inverse(torch.randn(4, 2)).sum():.4f}")


class ODEBlock(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y, func, steps, *params):
        with torch.no_grad():
            for _ in range(steps):
                y = y + func(y) / steps
        ctx.func, ctx.steps = func, steps
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, a):
        (y,) = ctx.saved_tensors
        params = tuple(ctx.func.parameters())
        sums = [torch.zeros_like(p) for p in params]
        for _ in range(ctx.steps):
            with torch.enable_grad():
                y = y.detach().requires_grad_(True)
                f = ctx.func(y)
                da, *dp = torch.autograd.grad(f, (y, *params), a / ctx.steps, allow_unused=True)
            a = a + da
            sums = [s + d for s, d in zip(sums, dp)]
            y = y.detach() - f.detach() / ctx.steps
        return (a, None, None, *sums)


func = nn.Sequential(nn.Linear(2, 8), nn.Softplus(), nn.Linear(8, 2))
optimizer = torch.optim.NAdam(func.parameters(), lr=1e-2)
target = moons @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
for _ in range(4):
    loss = (ODEBlock.apply(moons, func, 8, *func.parameters()) - target).abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"ode {loss.item():.5f}")
