"""Optimizers and schedules that programs define themselves: the base classes, state, closures, warmup, saved states."""
import math

import torch
from torch.optim.lr_scheduler import _LRScheduler
from torch.optim.optimizer import Optimizer, required


class Lookahead(Optimizer):
    def __init__(self, params, lr=required, momentum=0.9, k=2, alpha=0.5):
        if lr is not required and lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        super().__init__(params, dict(lr=lr, momentum=momentum, k=k, alpha=alpha))

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("alpha", 0.5)

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    state["step"] = 0
                    state["buffer"] = torch.zeros_like(p, memory_format=torch.preserve_format)
                    state["slow"] = p.detach().clone()
                state["step"] += 1
                state["buffer"].mul_(group["momentum"]).add_(p.grad.sign())
                p.add_(state["buffer"], alpha=-group["lr"])
                if state["step"] % group["k"] == 0:
                    state["slow"].add_(p - state["slow"], alpha=group["alpha"])
                    p.copy_(state["slow"])
        return loss


class WarmupCosine(_LRScheduler):
    def __init__(self, optimizer, warmup, total, last_epoch=-1):
        self.warmup, self.total = warmup, total
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch < self.warmup:
            return [base * (self.last_epoch + 1) / self.warmup for base in self.base_lrs]
        done = (self.last_epoch - self.warmup) / (self.total - self.warmup)
        return [base * 0.5 * (1 + math.cos(math.pi * done)) for base in self.base_lrs]


torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.PReLU(), torch.nn.Linear(4, 1))
try:
    Lookahead(model.parameters())
except ValueError as error:
    print(error)
optimizer = Lookahead([{"params": model[0].parameters(), "lr": 0.02}, {"params": model[1:].parameters()}], lr=0.01)
scheduler = WarmupCosine(optimizer, 2, 6)
x = torch.randn(30, 5)
y = x.prod(1, keepdim=True).tanh()


def closure():
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(x), y)
    loss.backward()
    return loss


for step in range(5):
    loss = optimizer.step(closure)
    scheduler.step()
    print(f"{step} {loss:.6f}", [f"{lr:.5f}" for lr in scheduler.get_last_lr()])
saved = optimizer.state_dict()
print(sorted(saved["state"][0]), [len(g["params"]) for g in saved["param_groups"]], required)
again = Lookahead([{"params": model[0].parameters()}, {"params": model[1:].parameters()}], lr=1.0)
again.load_state_dict(saved)
print(f"{again.param_groups[0]['lr']:.5f} {again.step(closure).item():.6f} {closure().item():.6f}")
