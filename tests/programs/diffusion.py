"""Denoising diffusion: a schedule of noise, a small U-Net with time embeddings, an averaged copy, sampling backwards."""
import copy
import math

import torch
import torch.nn.functional as F
from torch import einsum, nn


class SinusoidalPosEmb(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        half = self.dim // 2
        emb = torch.exp(torch.arange(half, device=x.device) * -(math.log(10000) / (half - 1)))
        emb = x[:, None] * emb[None, :]
        return torch.cat((emb.sin(), emb.cos()), dim=-1)


class Block(nn.Module):
    def __init__(self, dim, dim_out, time_dim):
        super().__init__()
        self.proj, self.norm, self.act = nn.Conv2d(dim, dim_out, 3, padding=1), nn.GroupNorm(4, dim_out), nn.SiLU()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, dim_out * 2))
        self.res = nn.Conv2d(dim, dim_out, 1) if dim != dim_out else nn.Identity()

    def forward(self, x, t):
        scale, shift = self.mlp(t)[:, :, None, None].chunk(2, dim=1)
        return self.act(self.norm(self.proj(x)) * (scale + 1) + shift) + self.res(x)


class LinearAttention(nn.Module):
    def __init__(self, dim, heads=2, dim_head=4):
        super().__init__()
        self.heads, self.to_qkv = heads, nn.Conv2d(dim, heads * dim_head * 3, 1, bias=False)
        self.to_out = nn.Conv2d(heads * dim_head, dim, 1)

    def forward(self, x):
        b, _, h, w = x.shape
        q, k, v = (t.reshape(b, self.heads, -1, h * w) for t in self.to_qkv(x).chunk(3, dim=1))
        context = einsum("b h d n, b h e n -> b h d e", k.softmax(dim=-1), v / (h * w))
        out = einsum("b h d e, b h d n -> b h e n", context, q.softmax(dim=-2))
        return self.to_out(out.reshape(b, -1, h, w)) + x


class UNet(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.time = nn.Sequential(SinusoidalPosEmb(dim), nn.Linear(dim, 16), nn.GELU(), nn.Linear(16, 16))
        self.first, self.down = nn.Conv2d(1, dim, 3, padding=1), nn.Conv2d(dim, dim, 4, 2, 1)
        self.block1, self.block2, self.block3 = Block(dim, dim, 16), Block(dim, 2 * dim, 16), Block(3 * dim, dim, 16)
        self.attention, self.last = LinearAttention(2 * dim), nn.Conv2d(dim, 1, 1)

    def forward(self, x, time):
        t = self.time(time)
        h = self.block1(self.first(x), t)
        m = self.attention(self.block2(self.down(h), t))
        m = F.interpolate(m, scale_factor=2, mode="nearest")
        return self.last(self.block3(torch.cat((m, h), dim=1), t))


def cosine_beta_schedule(timesteps, s=0.008):
    x = torch.linspace(0, timesteps, timesteps + 1)
    alphas_cumprod = torch.cos(((x / timesteps) + s) / (1 + s) * torch.pi * 0.5) ** 2
    alphas_cumprod = alphas_cumprod / alphas_cumprod[0]
    return torch.clip(1 - (alphas_cumprod[1:] / alphas_cumprod[:-1]), 0.0001, 0.9999)


def extract(a, t, x_shape):
    return a.gather(-1, t).reshape(t.shape[0], *((1,) * (len(x_shape) - 1)))


torch.manual_seed(5)
T = 10
betas = cosine_beta_schedule(T)
alphas = 1.0 - betas
alphas_cumprod = torch.cumprod(alphas, dim=0)
alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
posterior_variance = betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod)
model = UNet()
average = copy.deepcopy(model).eval().requires_grad_(False)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=5)
data = torch.rand(8, 1, 8, 8) * 2 - 1
for step in range(5):
    t = torch.randint(0, T, (8,)).long()
    noise = torch.randn_like(data)
    noisy = extract(alphas_cumprod.sqrt(), t, data.shape) * data + extract((1 - alphas_cumprod).sqrt(), t, data.shape) * noise
    loss = F.smooth_l1_loss(noise, model(noisy, t))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    with torch.no_grad():
        for ema, p in zip(average.parameters(), model.parameters()):
            ema.lerp_(p, 1 - 0.9)
    print(f"{step} {loss.item():.5f} {scheduler.get_last_lr()[0]:.6f}")


@torch.inference_mode()
def sample(shape):
    x = torch.randn(shape)
    for i in reversed(range(0, T)):
        t = torch.full((shape[0],), i, dtype=torch.long)
        beta, rest = extract(betas, t, x.shape), extract((1 - alphas_cumprod).sqrt(), t, x.shape)
        mean = extract(alphas.rsqrt(), t, x.shape) * (x - beta * average(x, t) / rest)
        x = mean + (extract(posterior_variance, t, x.shape).sqrt() * torch.randn_like(x) if i else 0)
    return x.clamp(-1, 1)


made = sample((2, 1, 8, 8))
print(f"{made.mean():.4f} {made.std():.4f} {made.min().item():.4f}")
