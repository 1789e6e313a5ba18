"""Masses on springs: a differentiated simulation that writes in place; constrained weights, packed tensors, kernels."""
import argparse
import math

import torch
import torch.nn as nn
import torch.nn.utils.parametrize as parametrize
from torch.func import functional_call, jacrev, vmap

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--steps", type=int, default=6)
parser.add_argument("--dt", type=float, default=0.05)
args = parser.parse_args([])
torch.manual_seed(5)


class Springs(nn.Module):
    def __init__(self, count, springs):
        super().__init__()
        self.springs = springs
        self.anchor = torch.tensor([0.0, 0.0])
        self.free = nn.Parameter(torch.randn(count - 1, 2))

    def forward(self, steps):
        positions = torch.cat([self.anchor.unsqueeze(0), self.free], dim=0)
        velocities = torch.zeros_like(positions)
        for _ in range(steps):
            forces = torch.zeros_like(positions)
            for i, j, length, stiffness in self.springs:
                apart = positions[j] - positions[i]
                distance = apart.norm()
                pull = stiffness * (distance - length) * apart / (distance + 1e-6)
                forces[i] += pull
                forces[j] -= pull
            forces[:, 1] -= 9.81
            velocities = velocities + forces * args.dt
            positions = positions + velocities * args.dt
            positions[0] = self.anchor
            velocities[0] = torch.tensor([0.0, 0.0])
        return positions


system = Springs(3, [(0, 1, 1.0, 10.0), (1, 2, 0.5, 8.0)])
optimizer = torch.optim.NAdam(system.parameters(), lr=0.1, betas=[0.8, 0.95])
target = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
for epoch in range(args.epochs):
    optimizer.zero_grad()
    final = system(args.steps)
    loss = (final - target).pow(2).mean()
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch + 1}/{args.epochs}, loss {loss.item():.6f}")
print(f"final positions:\n{final.detach().numpy().round(3)}")


class Skew(nn.Module):
    def forward(self, weight):
        upper = weight.triu(1)
        return upper - upper.transpose(-1, -2)

    def right_inverse(self, weight):
        return weight.triu(1)


class Exponential(nn.Module):
    def forward(self, weight):
        return torch.matrix_exp(weight)


turn = nn.Linear(2, 2, bias=False)
parametrize.register_parametrization(turn, "weight", Skew())
parametrize.register_parametrization(turn, "weight", Exponential())
print(turn)
packed = []


def pack(x):
    packed.append(x)
    return len(packed) - 1


optimizer = torch.optim.Rprop(turn.parameters(), lr=0.1, etas=[0.5, 1.2], step_sizes=[1e-6, 1])
angle = 0.7
wanted = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
points = torch.randn(5, 2)
for step in range(8):
    optimizer.zero_grad()
    with parametrize.cached(), torch.autograd.graph.saved_tensors_hooks(pack, lambda place: packed[place]):
        loss = nn.functional.smooth_l1_loss(turn(points), points @ wanted.T)
    loss.backward()
    optimizer.step()
    print(f"turn {loss:.5f}")
print((turn.weight @ turn.weight.T - torch.eye(2)).abs().max() < 1e-5)

net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
weights = {name: weight.detach() for name, weight in net.named_parameters()}


def output(weights, point):
    return functional_call(net, weights, (point.unsqueeze(0),)).squeeze(0)


slopes = vmap(jacrev(output), (None, 0))(weights, points)
kernel = sum(torch.einsum("Naf,Maf->NM", each.flatten(2), each.flatten(2)) for each in slopes.values())
print("kernel %.4f %.4f" % (kernel.trace(), torch.linalg.eigvalsh(kernel)[-1]))
