"""Layers that train themselves: positive and negative inputs, labels drawn over the input, an optimizer per layer."""
import torch
import torch.nn as nn
from torch.optim import Adam

torch.manual_seed(1)
device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
use_mps = torch.backends.mps.is_available()


def wrong_labels(y):
    y_neg = y.clone()
    for idx, y_samp in enumerate(y):
        allowed = list(range(10))
        allowed.remove(y_samp.item())
        y_neg[idx] = torch.tensor(allowed)[torch.randint(len(allowed), size=(1,))].item()
    return y_neg.to(device)


def overlay(x, y, classes=10):
    x_ = x.clone()
    x_[:, :classes] *= 0.0
    x_[range(x.shape[0]), y] = x.max()
    return x_


class Layer(nn.Linear):
    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__(in_features, out_features, bias, device, dtype)
        self.relu = torch.nn.ReLU()
        self.opt = Adam(self.parameters(), lr=0.03)
        self.threshold = 2.0

    def forward(self, x):
        x_direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
        return self.relu(torch.mm(x_direction, self.weight.T) + self.bias.unsqueeze(0))

    def train(self, x_pos, x_neg):
        for i in range(12):
            g_pos = self.forward(x_pos).pow(2).mean(1)
            g_neg = self.forward(x_neg).pow(2).mean(1)
            loss = torch.log1p(torch.exp(torch.cat([-g_pos + self.threshold, g_neg - self.threshold]))).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            if i % 4 == 0:
                print("Loss: ", f"{loss.item():.5f}")
        return self.forward(x_pos).detach(), self.forward(x_neg).detach()


class Net(torch.nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.layers = [Layer(a, b).to(device) for a, b in zip(dims, dims[1:])]

    def predict(self, x):
        goodness_per_label = []
        for label in range(10):
            h = overlay(x, label)
            goodness = []
            for layer in self.layers:
                h = layer(h)
                goodness = goodness + [h.pow(2).mean(1)]
            goodness_per_label += [sum(goodness).unsqueeze(1)]
        return torch.cat(goodness_per_label, 1).argmax(1)

    def train(self, x_pos, x_neg):
        for i, layer in enumerate(self.layers):
            print("training layer: ", i)
            x_pos, x_neg = layer.train(x_pos, x_neg)


net = Net([40, 30, 30])
y = torch.randint(0, 10, (64,))
x = torch.rand(64, 40)
x[range(64), 10 + y] += 2
net.train(overlay(x, y), overlay(x, wrong_labels(y)))
print("train error:", f"{1.0 - net.predict(x).eq(y).float().mean().item():.4f}")
