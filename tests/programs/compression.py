"""Making networks smaller: distillation, pruning, spectral and weight norm, parametrizations, averaged weights, mixup."""
import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import parametrizations, parametrize, prune
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn

torch.manual_seed(4)
np.random.seed(4)
x, y = torch.randn(60, 10), torch.randint(0, 4, (60,))
teacher = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
student = nn.Sequential(nn.Linear(10, 8), nn.Hardswish(), nn.Dropout(0.1), nn.Linear(8, 4))
optimizer = torch.optim.SGD(teacher.parameters(), lr=0.1, momentum=0.9, nesterov=True)
for _ in range(5):
    lam = np.random.beta(0.4, 0.4)
    index = torch.randperm(60)
    out = teacher(lam * x + (1 - lam) * x[index, :])
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    loss = lam * criterion(out, y) + (1 - lam) * criterion(out, y[index])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"mixup {loss.item():.4f}")
teacher.eval()
optimizer, T = torch.optim.Adam(student.parameters(), lr=1e-2), 2.0
swa_model, swa_scheduler = AveragedModel(student), SWALR(optimizer, swa_lr=0.05, anneal_epochs=2)
for epoch in range(5):
    logits = student(x)
    with torch.no_grad():
        soft_targets = nn.functional.softmax(teacher(x) / T, dim=-1)
    soft_prob = nn.functional.log_softmax(logits / T, dim=-1)
    kd = torch.sum(soft_targets * (soft_targets.log() - soft_prob)) / soft_prob.size()[0] * (T**2)
    kl = nn.KLDivLoss(reduction="batchmean")(soft_prob, soft_targets) * T * T
    loss = 0.25 * kd + 0.75 * F.cross_entropy(logits, y) + F.cosine_embedding_loss(logits, teacher(x).detach(), torch.ones(60))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch > 1:
        swa_model.update_parameters(student)
        swa_scheduler.step()
    print(f"distill {loss.item():.4f} {kd.item():.4f} {kl.item():.4f} {optimizer.param_groups[0]['lr']:.5f}")
update_bn([(x, y)], swa_model)
swa_model.eval()
print(f"averaged {F.cross_entropy(swa_model(x), y):.4f} {swa_model.n_averaged.item()}")

model = copy.deepcopy(teacher)
prune.random_unstructured(model[0], name="weight", amount=0.3)
prune.l1_unstructured(model[0], name="bias", amount=3)
prune.ln_structured(model[0], name="weight", amount=0.5, n=2, dim=0)
print(sorted(model.state_dict()), list(dict(model[0].named_buffers())), len(model[0]._forward_pre_hooks))
prune.global_unstructured([(model[0], "weight"), (model[3], "weight")], pruning_method=prune.L1Unstructured, amount=0.2)
print(f"Sparsity: {100.0 * float(torch.sum(model[3].weight == 0)) / float(model[3].weight.nelement()):.2f}%")
prune.remove(model[0], "weight")
print(f"{F.cross_entropy(model(x), y):.4f}", prune.is_pruned(model), int((model[0].weight == 0).sum()))


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)

    def right_inverse(self, A):
        return A.triu()


layer = nn.Linear(4, 4)
parametrize.register_parametrization(layer, "weight", Symmetric())
print(torch.allclose(layer.weight, layer.weight.T), [n for n, _ in layer.named_parameters()])
ortho = parametrizations.orthogonal(nn.Linear(4, 4))
print(f"{torch.dist(ortho.weight.T @ ortho.weight, torch.eye(4)).item() < 1e-5}")
net = nn.Sequential(parametrizations.weight_norm(nn.Linear(10, 6)), nn.ELU(), parametrizations.spectral_norm(nn.Linear(6, 4)), layer)
optimizer = torch.optim.RAdam(net.parameters(), lr=1e-2)
with parametrize.cached():
    print(f"{F.cross_entropy(net(x), y):.4f}")
for _ in range(3):
    loss = F.multi_margin_loss(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    print(f"{loss.item():.5f}", f"{nn.utils.clip_grad_value_(net.parameters(), 0.01)}")
    optimizer.step()
vector = nn.utils.parameters_to_vector(student.parameters())
nn.utils.vector_to_parameters(vector * 0.5, student.parameters())
print(f"{vector.numel()} {student[0].weight.norm():.4f}")
