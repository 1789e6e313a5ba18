"""Fits of sin by polynomials: tensors by hand, nn.Sequential with Flatten, a module of Parameters, weight sharing."""
import math
import random

import torch

torch.manual_seed(0)
random.seed(1)
x = torch.linspace(-math.pi, math.pi, 200)
y = torch.sin(x)
a, b, c, d = (torch.randn((), dtype=torch.float, requires_grad=True) for _ in range(4))
for t in range(40):
    loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).sum()
    if t % 13 == 0:
        print(t, f"{loss.item():.4f}")
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 1e-6 * p.grad
            p.grad = None
print(f"Result: y = {a.item():.4f} + {b.item():.4f} x + {c.item():.4f} x^2 + {d.item():.4f} x^3")

xx = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
loss_fn = torch.nn.MSELoss(reduction="sum")
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for t in range(40):
    loss = loss_fn(model(xx), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if t % 13 == 0:
        print(t, f"{loss:.4f}")
linear = model[0]
print(f"y = {linear.bias.item():.4f} + {linear.weight[:, 0].item():.4f} x + {linear.weight[:, 1].item():.4f} x^2")


class DynamicNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for name in "abcde":
            setattr(self, name, torch.nn.Parameter(torch.randn(())))

    def forward(self, x):
        y = self.a + self.b * x + self.c * x**2 + self.d * x**3
        for exp in range(4, random.randint(4, 6)):
            y = y + self.e * x**exp
        return y

    def string(self):
        return f"y = {self.a.item():.4f} + {self.e.item():.4f} x^4 ?"


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


net = DynamicNet()
optimizer = torch.optim.SGD(net.parameters(), lr=1e-8, momentum=0.9)
for t in range(30):
    loss = torch.nn.MSELoss(reduction="sum")(net(x), y)
    if t % 10 == 9:
        print(t, f"{loss.item():.2f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(net.string())
P3 = LegendrePolynomial3.apply
a, b, c, d = (torch.full((), v, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3))
for t in range(30):
    loss = (a + b * P3(c + d * x) - y).pow(2).sum()
    if t % 10 == 9:
        print(t, f"{loss.item():.4f}")
    grads = torch.autograd.grad(loss, (a, b, c, d))
    with torch.no_grad():
        for p, g in zip((a, b, c, d), grads):
            p -= 5e-6 * g
