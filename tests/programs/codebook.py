"""Discrete codes: a VQ-VAE with a straight-through codebook, a masked convolution that draws pixels, an RBM."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class VectorQuantizer(nn.Module):
    def __init__(self, n, d, beta):
        super().__init__()
        self.embedding = nn.Embedding(n, d)
        self.embedding.weight.data.uniform_(-1 / n, 1 / n)
        self.n, self.d, self.beta = n, d, beta

    def forward(self, z):
        z = z.permute(0, 2, 3, 1).contiguous()
        flat = z.view(-1, self.d)
        w = self.embedding.weight
        d = torch.sum(flat**2, dim=1, keepdim=True) + torch.sum(w**2, dim=1) - 2 * torch.matmul(flat, w.t())
        index = torch.argmin(d, dim=1).unsqueeze(1)
        codes = torch.zeros(index.shape[0], self.n).scatter_(1, index, 1)
        quantized = torch.matmul(codes, w).view(z.shape)
        loss = F.mse_loss(quantized, z.detach()) + self.beta * F.mse_loss(quantized.detach(), z)
        quantized = z + (quantized - z).detach()
        mean = codes.mean(dim=0)
        perplexity = torch.exp(-torch.sum(mean * torch.log(mean + 1e-10)))
        return loss, quantized.permute(0, 3, 1, 2).contiguous(), perplexity


encoder, quantizer, decoder = nn.Conv2d(3, 8, 4, 2, 1), VectorQuantizer(16, 8, 0.25), nn.ConvTranspose2d(8, 3, 4, 2, 1)
parameters = [*encoder.parameters(), *quantizer.parameters(), *decoder.parameters()]
optimizer = torch.optim.Adam(parameters, lr=1e-3, amsgrad=False)
for _ in range(4):
    x = torch.rand(2, 3, 8, 8)
    loss, codes, perplexity = quantizer(encoder(x))
    error = F.mse_loss(decoder(codes), x) / 0.06
    optimizer.zero_grad()
    (error + loss).backward()
    optimizer.step()
    print(f"vq {error.item():.5f} {loss.item():.5f} {perplexity.item():.4f}")


class MaskedConv2d(nn.Conv2d):
    def __init__(self, mask_type, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("mask", self.weight.data.clone())
        _, _, height, width = self.weight.size()
        self.mask.fill_(1)
        self.mask[:, :, height // 2, width // 2 + (mask_type == "B"):] = 0
        self.mask[:, :, height // 2 + 1:] = 0

    def forward(self, x):
        self.weight.data *= self.mask
        return super().forward(x)


net = nn.Sequential(
    MaskedConv2d("A", 1, 8, 7, 1, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
    MaskedConv2d("B", 8, 8, 7, 1, 3, bias=False), nn.ReLU(True), nn.Conv2d(8, 16, 1),
)
optimizer = torch.optim.Adam(net.parameters())
for _ in range(3):
    x = torch.rand(2, 1, 8, 8)
    loss = F.cross_entropy(net(x), (x.data[:, 0] * 15).long())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"pixels {loss.item():.5f}")
sample = torch.zeros(1, 1, 8, 8)
for i in range(2):
    for j in range(2):
        shares = F.softmax(net(sample)[:, :, i, j], dim=1).data
        sample[:, :, i, j] = torch.multinomial(shares, 1).float() / 15.0
print(sample[0, 0, :2, :2])


class RBM(nn.Module):
    def __init__(self):
        super().__init__()
        self.W = nn.Parameter(torch.randn(6, 12) * 1e-2)
        self.visible, self.hidden = nn.Parameter(torch.zeros(12)), nn.Parameter(torch.zeros(6))

    def draw(self, p):
        return F.relu(torch.sign(p - torch.rand(p.size())))

    def forward(self, v):
        h = self.draw(torch.sigmoid(F.linear(v, self.W, self.hidden)))
        for _ in range(2):
            seen = self.draw(torch.sigmoid(F.linear(h, self.W.t(), self.visible)))
            h = self.draw(torch.sigmoid(F.linear(seen, self.W, self.hidden)))
        return seen

    def free_energy(self, v):
        return (-F.linear(v, self.W, self.hidden).exp().add(1).log().sum(1) - v.mv(self.visible)).mean()


rbm = RBM()
optimizer = torch.optim.SGD(rbm.parameters(), 0.1)
for _ in range(3):
    v = torch.rand(8, 12).bernoulli()
    loss = rbm.free_energy(v) - rbm.free_energy(rbm(v))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"energy {loss.item():.5f}")
