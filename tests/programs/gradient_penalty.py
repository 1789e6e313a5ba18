"""Adversarial losses with second derivatives and clipped weights: WGAN, WGAN-GP, DRAGAN, BEGAN's balance, ACGAN."""
import numpy as np
import torch
import torch.autograd as autograd
import torch.nn as nn
from torch.autograd import Variable

cuda = torch.cuda.is_available()
Tensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor
LongTensor = torch.cuda.LongTensor if cuda else torch.LongTensor
img_shape, latent_dim = (1, 8, 8), 6


class Generator(nn.Module):
    def __init__(self, n_classes=0):
        super().__init__()

        def block(in_feat, out_feat, normalize=True):
            layers = [nn.Linear(in_feat, out_feat)]
            if normalize:
                layers.append(nn.BatchNorm1d(out_feat, 0.8))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            return layers

        self.label_emb = nn.Embedding(n_classes, latent_dim) if n_classes else None
        self.model = nn.Sequential(
            *block(latent_dim, 16, normalize=False), *block(16, 32), nn.Linear(32, int(np.prod(img_shape))), nn.Tanh()
        )

    def forward(self, z, labels=None):
        if labels is not None:
            z = torch.mul(self.label_emb(labels), z)
        img = self.model(z)
        return img.view(img.shape[0], *img_shape)


class Discriminator(nn.Module):
    def __init__(self, n_classes=0):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(img_shape)), 32), nn.LeakyReLU(0.2, inplace=True))
        self.adv, self.aux = nn.Linear(32, 1), nn.Sequential(nn.Linear(32, max(n_classes, 1)), nn.Softmax(dim=1))

    def forward(self, img):
        h = self.body(img)
        return self.adv(h), self.aux(h)


def compute_gradient_penalty(D, real_samples, fake_samples):
    alpha = Tensor(np.random.random((real_samples.size(0), 1, 1, 1)))
    interpolates = (alpha * real_samples + ((1 - alpha) * fake_samples)).requires_grad_(True)
    d_interpolates, _ = D(interpolates)
    fake = Variable(Tensor(real_samples.shape[0], 1).fill_(1.0), requires_grad=False)
    gradients = autograd.grad(
        outputs=d_interpolates, inputs=interpolates, grad_outputs=fake, create_graph=True, retain_graph=True, only_inputs=True
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


torch.manual_seed(0)
np.random.seed(0)
images = torch.rand(32, *img_shape) * 2 - 1
for kind in ("gp", "clip", "dragan", "began", "acgan"):
    generator, discriminator = Generator(4 if kind == "acgan" else 0), Discriminator(4 if kind == "acgan" else 0)
    optimizer_G = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizer_D = (torch.optim.RMSprop if kind == "clip" else torch.optim.Adam)(discriminator.parameters(), lr=2e-3)
    k = 0.0
    for i in range(3):
        real_imgs = Variable(images[i * 8 : i * 8 + 8].type(Tensor))
        labels = Variable(LongTensor(np.random.randint(0, 4, 8)))
        optimizer_D.zero_grad()
        z = Variable(Tensor(np.random.normal(0, 1, (real_imgs.shape[0], latent_dim))))
        fake_imgs = generator(z, labels) if kind == "acgan" else generator(z)
        (real_validity, real_aux), (fake_validity, _) = discriminator(real_imgs), discriminator(fake_imgs.detach())
        if kind == "began":
            d_loss = real_validity.abs().mean() - k * fake_validity.abs().mean()
            k = min(max(k + 0.001 * (0.75 * real_validity.abs().mean() - fake_validity.abs().mean()).item(), 0), 1)
        elif kind == "acgan":
            valid = Variable(Tensor(8, 1).fill_(1.0), requires_grad=False)
            d_loss = nn.BCEWithLogitsLoss()(real_validity, valid) + nn.CrossEntropyLoss()(real_aux, labels)
            print(f"{100 * np.mean(np.argmax(real_aux.data.cpu().numpy(), axis=1) == labels.data.cpu().numpy()):.0f}%")
        else:
            d_loss = -torch.mean(real_validity) + torch.mean(fake_validity)
        if kind == "gp":
            d_loss += 10 * compute_gradient_penalty(discriminator, real_imgs.data, fake_imgs.data)
        if kind == "dragan":
            noisy = real_imgs.data + 0.5 * real_imgs.data.std() * torch.rand(real_imgs.size())
            d_loss = d_loss + 10 * compute_gradient_penalty(discriminator, real_imgs.data, noisy)
        d_loss.backward()
        optimizer_D.step()
        if kind == "clip":
            for p in discriminator.parameters():
                p.data.clamp_(-0.01, 0.01)
        optimizer_G.zero_grad()
        g_loss = -torch.mean(discriminator(generator(z, labels) if kind == "acgan" else generator(z))[0])
        g_loss.backward()
        optimizer_G.step()
        print("%s [Batch %d] [D loss: %.5f] [G loss: %.5f]" % (kind, i, d_loss.item(), g_loss.item()))
