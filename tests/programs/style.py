"""Style transfer: losses as layers, Gram matrices, LBFGS on the pixels; a transformer net with reflected borders."""
from collections import namedtuple

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.set_default_device(device)


class ContentLoss(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.target = target.detach()

    def forward(self, input):
        self.loss = F.mse_loss(input, self.target)
        return input


def gram_matrix(input):
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


class StyleLoss(nn.Module):
    def __init__(self, target_feature):
        super().__init__()
        self.target = gram_matrix(target_feature).detach()

    def forward(self, input):
        self.loss = F.mse_loss(gram_matrix(input), self.target)
        return input


class Normalization(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.mean = torch.tensor(mean).view(-1, 1, 1)
        self.std = torch.tensor(std).view(-1, 1, 1)

    def forward(self, img):
        return (img - self.mean) / self.std


cnn = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2))
cnn.eval().requires_grad_(False)
content, style = torch.rand(1, 3, 12, 12), torch.rand(1, 3, 12, 12)
model = nn.Sequential(Normalization(torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])))
losses = []
i = 0
for layer in cnn.children():
    if isinstance(layer, nn.Conv2d):
        i += 1
        name = f"conv_{i}"
    elif isinstance(layer, nn.ReLU):
        name = f"relu_{i}"
        layer = nn.ReLU(inplace=False)
    else:
        name = f"pool_{i}"
    model.add_module(name, layer)
    if name == "conv_2":
        model.add_module(f"content_loss_{i}", ContentLoss(model(content)))
        losses.append((1, model[-1]))
    if name.startswith("conv"):
        model.add_module(f"style_loss_{i}", StyleLoss(model(style)))
        losses.append((1e4, model[-1]))
print([name for name, _ in model.named_children()])
input_img = content.clone().requires_grad_(True)
optimizer = optim.LBFGS([input_img])
run = [0]
while run[0] < 12:

    def closure():
        with torch.no_grad():
            input_img.clamp_(0, 1)
        optimizer.zero_grad()
        model(input_img)
        loss = sum(weight * each.loss for weight, each in losses)
        loss.backward()
        run[0] += 1
        if run[0] % 4 == 0:
            print(f"run {run}: {loss.item():.4f}")
        return loss

    optimizer.step(closure)


class ConvLayer(torch.nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride, upsample=None):
        super().__init__()
        self.upsample = upsample
        self.reflection_pad = torch.nn.ReflectionPad2d(kernel_size // 2)
        self.conv2d = torch.nn.Conv2d(in_channels, out_channels, kernel_size, stride)
        self.norm = torch.nn.InstanceNorm2d(out_channels, affine=True)

    def forward(self, x):
        if self.upsample:
            x = torch.nn.functional.interpolate(x, mode="nearest", scale_factor=self.upsample)
        return F.relu(self.norm(self.conv2d(self.reflection_pad(x))))


net = nn.Sequential(ConvLayer(3, 6, 5, 1), ConvLayer(6, 8, 3, 2), ConvLayer(8, 3, 3, 1, upsample=2))
Outputs = namedtuple("Outputs", ["first", "second"])
features = lambda x: Outputs(cnn[:2](x), cnn(x))
gram_style = [gram_matrix(y) for y in features(style)]
optimizer = optim.Adam(net.parameters(), 1e-2)
x = torch.rand(1, 3, 12, 12)
for _ in range(3):
    optimizer.zero_grad()
    y = net(x)
    made, wanted = features(y), features(x)
    loss = 1e3 * F.mse_loss(made.second, wanted.second)
    for ft_y, gm_s in zip(made, gram_style):
        loss += 1e3 * F.mse_loss(gram_matrix(ft_y), gm_s)
    loss.backward()
    optimizer.step()
    print(f"{loss:.3f}")
torch.set_default_device("cpu")
