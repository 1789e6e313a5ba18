"""Image translation with adaptive normalization: weights that another network predicts; a pool of images."""
import itertools
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable
from torch.hub import tqdm

torch.manual_seed(3)
Tensor = torch.FloatTensor


class PredictedNorm(nn.Module):
    def __init__(self, features, eps=1e-5):
        super(PredictedNorm, self).__init__()
        self.features, self.eps = features, eps
        self.weight = None
        self.bias = None
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x):
        b, c, h, w = x.size()
        mean, var = self.running_mean.repeat(b), self.running_var.repeat(b)
        flat = x.contiguous().view(1, b * c, h, w)
        return F.batch_norm(flat, mean, var, self.weight, self.bias, True, 0.1, self.eps).view(b, c, h, w)

    def __repr__(self):
        return self.__class__.__name__ + "(" + str(self.features) + ")"


class Block(nn.Module):
    def __init__(self, features):
        super(Block, self).__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(features, features, 3), PredictedNorm(features), nn.ReLU(inplace=True))

    def forward(self, x):
        return x + self.layers(x)


class Decoder(nn.Module):
    def __init__(self, features=6, style=4):
        super(Decoder, self).__init__()
        self.model = nn.Sequential(
            *[Block(features) for _ in range(2)], nn.Upsample(scale_factor=2),
            nn.Conv2d(features, 3, 3, padding=[1, 1]), nn.Tanh())
        self.norms = [m for m in self.modules() if m.__class__.__name__ == "PredictedNorm"]
        self.predictor = nn.Linear(style, 2 * sum(m.features for m in self.norms))

    def forward(self, content, style):
        numbers = self.predictor(style.view(style.size(0), -1))
        for m in self.norms:
            m.bias = numbers[:, :m.features].contiguous().view(-1)
            m.weight = numbers[:, m.features:2 * m.features].contiguous().view(-1)
            numbers = numbers[:, 2 * m.features:]
        return self.model(content)


class Critics(nn.Module):
    def __init__(self):
        super(Critics, self).__init__()
        self.models = nn.ModuleList()
        for i in range(2):
            self.models.add_module("critic_%d" % i, nn.Sequential(
                nn.Conv2d(3, 4, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(4, 1, 3, padding=1)))
        self.smaller = nn.AvgPool2d(3, stride=2, padding=[1, 1], count_include_pad=False)

    def loss(self, x, wanted):
        total = 0
        for model in self.models:
            total += torch.mean((model(x) - wanted) ** 2)
            x = self.smaller(x)
        return total


class Decay:
    def __init__(self, epochs, start):
        self.epochs, self.start = epochs, start

    def step(self, epoch):
        return 1.0 - max(0, epoch - self.start) / (self.epochs - self.start)


pool = []


def exchange(images, size=3):
    chosen = []
    for image in images.data:
        image = torch.unsqueeze(image, 0)
        if len(pool) < size:
            pool.append(image)
        elif random.uniform(0, 1) > 0.5:
            place = random.randint(0, size - 1)
            image, pool[place] = pool[place].clone(), image
        chosen.append(image)
    return Variable(torch.cat(chosen))


def init(m):
    if m.__class__.__name__.find("Conv") != -1:
        torch.nn.init.normal_(m.weight.data, 0.0, 0.2)


encoder, decoder, critics = nn.Conv2d(3, 6, 4, stride=[2, 2], padding=1), Decoder(), Critics()
for net in (encoder, decoder, critics):
    net.apply(init)
print(decoder.model[0], critics.models)
optimizer = torch.optim.Adam(itertools.chain(encoder.parameters(), decoder.parameters()), lr=2e-3, betas=[0.5, 0.999])
critic_optimizer = torch.optim.Adam(critics.parameters(), lr=2e-3, betas=[0.5, 0.999])
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=Decay(4, 1).step)
loader = torch.utils.data.DataLoader(torch.rand(4, 3, 8, 8), batch_size=2, shuffle=True)
for epoch in range(3):
    for x in tqdm(loader, disable=True):
        style = Variable(Tensor(np.random.normal(0, 1, (x.size(0), 4, 1, 1))))
        optimizer.zero_grad()
        image = decoder(encoder(x), style)
        loss = critics.loss(image, 1) + 10 * F.l1_loss(image, x)
        loss.backward()
        optimizer.step()
        critic_optimizer.zero_grad()
        critic_loss = critics.loss(x, 1) + critics.loss(exchange(image), 0)
        critic_loss.backward()
        critic_optimizer.step()
        print("%d: %f %f" % (epoch, loss.item(), critic_loss.item()))
    schedule.step()
    print(optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"])
