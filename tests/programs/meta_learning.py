"""MAML on sine waves: gradients of gradients through functional_call and by hand; Reptile; per-sample gradients."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call, grad, vmap

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)


def task():
    amplitude, phase = 0.1 + 4.9 * torch.rand(1), math.pi * torch.rand(1)
    x = torch.rand(20, 1) * 10 - 5
    return x, amplitude * torch.sin(x + phase)


for epoch in range(4):
    meta_loss = 0.0
    for _ in range(3):
        x, y = task()
        fast = dict(net.named_parameters())
        for _ in range(2):
            inner = F.mse_loss(functional_call(net, fast, (x[:10],)), y[:10])
            grads = torch.autograd.grad(inner, list(fast.values()), create_graph=True)
            fast = {name: p - 0.01 * g for (name, p), g in zip(fast.items(), grads)}
        meta_loss = meta_loss + F.mse_loss(functional_call(net, fast, (x[10:],)), y[10:])
    optimizer.zero_grad()
    (meta_loss / 3).backward()
    optimizer.step()
    print(f"epoch {epoch}: {meta_loss.item() / 3:.5f}")

before = {k: v.clone() for k, v in net.state_dict().items()}
x, y = task()
for _ in range(3):
    loss = F.mse_loss(net(x), y)
    net.zero_grad()
    loss.backward()
    for p in net.parameters():
        p.data.sub_(0.02 * p.grad)
after = net.state_dict()
net.load_state_dict({name: before[name] + (after[name] - before[name]) * 0.5 for name in before})
print(f"reptile {F.mse_loss(net(x), y):.5f}")


def compute_loss(params, sample, target):
    return F.mse_loss(functional_call(net, params, (sample.unsqueeze(0),)), target.unsqueeze(0))


params = {k: v.detach() for k, v in net.named_parameters()}
per_sample = vmap(grad(compute_loss), in_dims=(None, 0, 0))(params, x, y)
for name, g in per_sample.items():
    print(name, tuple(g.shape), f"{g.norm():.4f} {g.flatten(1).norm(dim=1).max():.4f}")
