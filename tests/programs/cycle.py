"""Two generators and a cycle: residual blocks, reflection padding, instance norm, a buffer of old pictures, a U-Net."""
import itertools
import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable


def weights_init_normal(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        torch.nn.init.normal_(m.weight.data, 0.0, 0.02)
        if hasattr(m, "bias") and m.bias is not None:
            torch.nn.init.constant_(m.bias.data, 0.0)


class ReplayBuffer:
    def __init__(self, max_size=4):
        self.max_size, self.data = max_size, []

    def push_and_pop(self, data):
        to_return = []
        for element in data.data:
            element = torch.unsqueeze(element, 0)
            if len(self.data) < self.max_size:
                self.data.append(element)
                to_return.append(element)
            elif random.uniform(0, 1) > 0.5:
                i = random.randint(0, self.max_size - 1)
                to_return.append(self.data[i].clone())
                self.data[i] = element
            else:
                to_return.append(element)
        return Variable(torch.cat(to_return))


class LambdaLR:
    def __init__(self, n_epochs, offset, decay_start_epoch):
        self.n_epochs, self.offset, self.decay_start_epoch = n_epochs, offset, decay_start_epoch

    def step(self, epoch):
        return 1.0 - max(0, epoch + self.offset - self.decay_start_epoch) / (self.n_epochs - self.decay_start_epoch)


class ResidualBlock(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(features, features, 3), nn.InstanceNorm2d(features), nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1), nn.Conv2d(features, features, 3), nn.InstanceNorm2d(features),
        )

    def forward(self, x):
        return x + self.block(x)


def generator():
    return nn.Sequential(
        nn.ReflectionPad2d(3), nn.Conv2d(3, 6, 7), nn.InstanceNorm2d(6), nn.ReLU(inplace=True),
        nn.Conv2d(6, 12, 3, stride=2, padding=1), nn.InstanceNorm2d(12), nn.ReLU(inplace=True), ResidualBlock(12),
        nn.Upsample(scale_factor=2), nn.Conv2d(12, 6, 3, stride=1, padding=1), nn.InstanceNorm2d(6), nn.ReLU(inplace=True),
        nn.ReflectionPad2d(3), nn.Conv2d(6, 3, 7), nn.Tanh(),
    )


def discriminator():
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(8, 8, 4, stride=2, padding=1), nn.InstanceNorm2d(8), nn.LeakyReLU(0.2, inplace=True),
        nn.ZeroPad2d((1, 0, 1, 0)), nn.Conv2d(8, 1, 4, padding=1),
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 8, 4, 2, 1, bias=False), nn.Conv2d(8, 16, 4, 2, 1, bias=False)
        self.drop = nn.Dropout2d(0.5)
        self.up1, self.up2 = nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.ConvTranspose2d(16, 3, 4, 2, 1)

    def forward(self, x):
        d1 = F.leaky_relu(self.down1(x), 0.2)
        u1 = F.relu(F.instance_norm(self.up1(self.drop(F.leaky_relu(self.down2(d1), 0.2)))))
        return torch.tanh(self.up2(torch.cat((u1, d1), 1)))


random.seed(0)
torch.manual_seed(0)
G_AB, G_BA, D_A, D_B = generator(), generator(), discriminator(), discriminator()
for net in (G_AB, G_BA, D_A, D_B):
    net.apply(weights_init_normal)
criterion_GAN, criterion_cycle = torch.nn.MSELoss(), torch.nn.L1Loss()
optimizer_G = torch.optim.Adam(itertools.chain(G_AB.parameters(), G_BA.parameters()), lr=2e-3, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam([*D_A.parameters(), *D_B.parameters()], lr=2e-3, betas=(0.5, 0.999))
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer_G, lr_lambda=LambdaLR(3, 0, 1).step)
buffer = ReplayBuffer()
for epoch in range(3):
    real_A, real_B = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16) - 1
    G_AB.train()
    optimizer_G.zero_grad()
    fake_B, fake_A = G_AB(real_A), G_BA(real_B)
    predicted = D_B(fake_B)
    valid = Variable(torch.Tensor(predicted.shape).fill_(1.0) if False else torch.ones(predicted.shape), requires_grad=False)
    loss_GAN = (criterion_GAN(predicted, valid) + criterion_GAN(D_A(fake_A), valid)) / 2
    loss_G = loss_GAN + 10 * criterion_cycle(G_BA(fake_B), real_A) + 5 * criterion_cycle(G_BA(real_A), real_A)
    loss_G.backward()
    optimizer_G.step()
    optimizer_D.zero_grad()
    fake = buffer.push_and_pop(fake_B)
    loss_D = (criterion_GAN(D_B(real_B), valid) + criterion_GAN(D_B(fake.detach()), torch.zeros_like(valid))) / 2
    loss_D.backward()
    optimizer_D.step()
    scheduler.step()
    print(f"[Epoch {epoch}] [D {loss_D.item():.5f}] [G {loss_G.item():.5f}] {optimizer_G.param_groups[0]['lr']:.6f}")
unet = UNet()
optimizer = torch.optim.Adam(unet.parameters(), lr=1e-2)
for _ in range(3):
    loss = F.l1_loss(unet(real_A), real_B)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss:.5f}")
