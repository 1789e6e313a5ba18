"""Looking inside: hooks on modules and tensors, CAM maps, saliency, gradient checkpoints, accumulation, freezing."""
from collections import OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

torch.manual_seed(9)
activation, gradients = {}, []


def get_activation(name):
    def hook(model, input, output):
        activation[name] = output.detach()

    return hook


model = nn.Sequential(OrderedDict([
    ("conv", nn.Conv2d(1, 4, 3, padding=1)), ("relu", nn.ReLU()), ("pool", nn.AdaptiveAvgPool2d((1, 1))),
    ("flatten", nn.Flatten()), ("head", nn.Linear(4, 3)),
]))  # fmt: skip
handle = model.conv.register_forward_hook(get_activation("conv"))
model.head.register_full_backward_hook(lambda m, gi, go: gradients.append(go[0].norm().item()))
pre = model.pool.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
x = torch.randn(2, 1, 8, 8, requires_grad=True)
x.register_hook(lambda g: g.clamp(-0.5, 0.5) * 10)
out = model(x)
score, index = out.max(dim=1)
score.backward(torch.FloatTensor([1.0, 1.0]))
saliency, _ = torch.max(x.grad.data.abs(), dim=1)
print(f"{activation['conv'].mean():.5f} {gradients[0]:.5f} {saliency.max():.5f} {saliency.view(2, -1).sum(1)[0]:.5f}")
weights = model.head.weight[index]
cam = torch.einsum("bc,bchw->bhw", weights, activation["conv"])
cam = F.interpolate(cam[:, None], size=(16, 16), mode="bilinear", align_corners=False).squeeze()
cam = (cam - cam.amin(dim=(1, 2), keepdim=True)) / (cam.max() - cam.min())
print(tuple(cam.shape), f"{cam.mean().item():.5f}")
handle.remove()
pre.remove()
print([len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.children()])

trunk = nn.Sequential(*[nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Dropout(0.2)) for _ in range(4)])
data = torch.randn(16, 8, requires_grad=True)
torch.manual_seed(1)
plain = trunk(data).pow(2).sum()
(wanted,) = torch.autograd.grad(plain, data)
torch.manual_seed(1)
again = checkpoint_sequential(trunk, 2, data, use_reentrant=False).pow(2).sum()
(found,) = torch.autograd.grad(again, data)
print(f"{plain.item():.5f} {again.item():.5f}", torch.allclose(wanted, found))
print(f"{checkpoint(trunk[0], data, use_reentrant=False).sum():.5f}")

for name, p in model.named_parameters():
    p.requires_grad = name.startswith("head")
model.head = nn.Linear(4, 2)
print([n for n, p in model.named_parameters() if p.requires_grad])
optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 2], gamma=0.5)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=0, factor=0.1)
images, labels = torch.randn(8, 1, 8, 8), torch.randint(2, (8, 1))
for epoch in range(3):
    optimizer.zero_grad()
    running = 0.0
    for part in torch.arange(8).chunk(4):
        loss = F.binary_cross_entropy_with_logits(model(images[part])[:, :1], labels[part].float()) / 4
        loss.backward()
        running += loss.item()
    optimizer.step()
    scheduler.step()
    plateau.step(-epoch)
    print(f"{epoch} {running:.5f} {scheduler.get_last_lr()[0]:.6f}")
with torch.autograd.set_detect_anomaly(True):
    print(f"{model(images).logsumexp(1).mean().item():.5f}")
