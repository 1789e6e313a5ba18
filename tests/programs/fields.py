"""Functions of coordinates: SIREN with exact derivatives, a radiance field along rays, splines on edges, Hopfield."""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class SineLayer(nn.Module):
    def __init__(self, in_features, out_features, is_first=False, omega_0=30):
        super().__init__()
        self.omega_0, self.linear = omega_0, nn.Linear(in_features, out_features)
        with torch.no_grad():
            bound = 1 / in_features if is_first else np.sqrt(6 / in_features) / omega_0
            self.linear.weight.uniform_(-bound, bound)

    def forward(self, input):
        return torch.sin(self.omega_0 * self.linear(input))


def get_mgrid(sidelen, dim=2):
    tensors = tuple(dim * [torch.linspace(-1, 1, steps=sidelen)])
    return torch.stack(torch.meshgrid(*tensors, indexing="ij"), dim=-1).reshape(-1, dim)


def gradient(y, x, grad_outputs=None):
    if grad_outputs is None:
        grad_outputs = torch.ones_like(y)
    return torch.autograd.grad(y, [x], grad_outputs=grad_outputs, create_graph=True)[0]


def divergence(y, x):
    return sum(torch.autograd.grad(y[..., i], x, torch.ones_like(y[..., i]), create_graph=True)[0][..., i : i + 1] for i in range(2))


torch.manual_seed(0)
siren = nn.Sequential(SineLayer(2, 16, True, 5), SineLayer(16, 16, omega_0=5), nn.Linear(16, 1))
coords = get_mgrid(6)
truth = (coords[:, :1] ** 2 + torch.sin(3 * coords[:, 1:])) / 2
optimizer = torch.optim.Adam(lr=1e-3, params=siren.parameters())
for step in range(3):
    x = coords.clone().detach().requires_grad_(True)
    out = siren(x)
    first = gradient(out, x)
    laplace = divergence(first, x)
    loss = ((out - truth) ** 2).mean() + 1e-3 * (first.norm(dim=-1) - 1).abs().mean() + 1e-5 * (laplace**2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"Step {step}, Total loss {loss:0.6f}")


def positional_encoding(x, L=3):
    out = [x]
    for j in range(L):
        out += [torch.sin(2**j * x), torch.cos(2**j * x)]
    return torch.cat(out, dim=-1)


def cumprod_exclusive(tensor):
    cumprod = torch.roll(torch.cumprod(tensor, -1), 1, -1)
    cumprod[..., 0] = 1.0
    return cumprod


field = nn.Sequential(nn.Linear(21, 16), nn.ReLU(), nn.Linear(16, 4))
origins, directions = torch.zeros(10, 3), F.normalize(torch.randn(10, 3), dim=-1)
target = torch.rand(10, 3)
optimizer = torch.optim.Adam(field.parameters(), lr=1e-2)
for _ in range(3):
    t = torch.linspace(0.5, 2.0, 8).expand(10, 8)
    mid = (t[:, :-1] + t[:, 1:]) / 2.0
    t = torch.cat((t[:, :1], mid), -1) + (torch.cat((mid, t[:, -1:]), -1) - torch.cat((t[:, :1], mid), -1)) * torch.rand(t.shape)
    points = origins[:, None, :] + t[..., None] * directions[..., None, :]
    raw = torch.cat([field(chunk) for chunk in positional_encoding(points).flatten(0, 1).split(32)]).unflatten(0, (10, 8))
    delta = torch.cat((t[:, 1:] - t[:, :-1], torch.tensor([1e10]).expand(10, 1)), -1)
    alpha = 1.0 - torch.exp(-F.relu(raw[..., 3]) * delta)
    weights = alpha * cumprod_exclusive(1.0 - alpha + 1e-10)
    rgb = (weights[..., None] * torch.sigmoid(raw[..., :3])).sum(dim=-2)
    loss = F.mse_loss(rgb, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"psnr {-10.0 * torch.log10(loss):.4f} depth {(weights * t).sum(-1).mean().item():.4f}")


class KANLinear(nn.Module):
    def __init__(self, in_features, out_features, grid_size=4, order=3):
        super().__init__()
        h = 2 / grid_size
        grid = (torch.arange(-order, grid_size + order + 1) * h - 1).expand(in_features, -1).contiguous()
        self.register_buffer("grid", grid)
        self.order, self.base = order, nn.Parameter(torch.empty(out_features, in_features))
        self.spline = nn.Parameter(0.1 * torch.randn(out_features, in_features, grid_size + order))
        nn.init.kaiming_uniform_(self.base, a=5**0.5)

    def b_splines(self, x):
        x, grid = x.unsqueeze(-1), self.grid
        bases = ((x >= grid[:, :-1]) & (x < grid[:, 1:])).to(x.dtype)
        for k in range(1, self.order + 1):
            left = (x - grid[:, : -(k + 1)]) / (grid[:, k:-1] - grid[:, : -(k + 1)]) * bases[:, :, :-1]
            right = (grid[:, k + 1 :] - x) / (grid[:, k + 1 :] - grid[:, 1:(-k)]) * bases[:, :, 1:]
            bases = left + right
        return bases.contiguous()

    def forward(self, x):
        return F.linear(F.silu(x), self.base) + F.linear(self.b_splines(x).view(x.size(0), -1), self.spline.view(len(self.spline), -1))


kan = nn.Sequential(KANLinear(2, 5), KANLinear(5, 1))
optimizer = torch.optim.LBFGS(kan.parameters(), lr=1, history_size=10, line_search_fn="strong_wolfe", tolerance_grad=1e-32)
inputs = torch.rand(50, 2) * 2 - 1
wanted = torch.exp(torch.sin(torch.pi * inputs[:, [0]]) + inputs[:, [1]] ** 2)


def closure():
    optimizer.zero_grad()
    objective = torch.mean((kan(inputs) - wanted) ** 2)
    objective.backward()
    return objective


optimizer.param_groups[0]["max_iter"] = 5
print(f"kan {optimizer.step(closure).item():.4f}", f"{closure().item():.3f}")
patterns = torch.randint(0, 2, (3, 20)).float() * 2 - 1
W = (patterns.t() @ patterns / 3).fill_diagonal_(0)
state = patterns[0].clone()
state[torch.randperm(20)[:4]] *= -1
for _ in range(4):
    state = torch.sign(W @ state)
    print(f"energy {-0.5 * state @ W @ state:.4f} overlap {(state == patterns[0]).float().mean():.2f}")
modern = torch.softmax(4 * state @ patterns.t() / 20**0.5, -1) @ patterns
print(f"{modern.dot(patterns[0]):.4f}")
