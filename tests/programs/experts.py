"""A language model of experts: grouped queries with memories, the two best experts, codes of signs, averaged weights."""
import copy

import torch
import torch.nn.functional as F
from torch import cat, einsum, nn, stack
from torch.amp import autocast
from torch.nn import Module, ModuleList, Parameter
from torch.nn.utils.rnn import pad_sequence
from torch.utils._pytree import tree_map

torch.manual_seed(0)


def l2norm(t):
    return F.normalize(t, dim=-1)


class RMSNorm(Module):
    def __init__(self, dim):
        super().__init__()
        self.scale, self.gamma = dim**0.5, Parameter(torch.zeros(dim))

    def forward(self, x):
        return l2norm(x) * self.scale * (self.gamma + 1)


class Attend(Module):
    def __init__(self, dim, heads=4, dim_head=8, kv_heads=2):
        super().__init__()
        self.heads, self.kv_heads, self.norm = heads, kv_heads, RMSNorm(dim)
        self.to_q = nn.Linear(dim, heads * dim_head, bias=False)
        self.to_kv = nn.Linear(dim, kv_heads * dim_head * 2, bias=False)
        self.to_out = nn.Linear(heads * dim_head, dim, bias=False)
        self.mem = Parameter(torch.randn(2, kv_heads, 2, dim_head))
        self.register_buffer("inv", 1.0 / (10000 ** (torch.arange(0, dim_head, 2).float() / dim_head)), persistent=False)

    @autocast("cuda", enabled=False)
    def rotate(self, t):
        freqs = einsum("i, j -> i j", torch.arange(t.shape[-2], device=t.device).type_as(self.inv), self.inv)
        freqs = freqs.repeat_interleave(2, dim=-1)
        a, b = t.unflatten(-1, (-1, 2)).unbind(dim=-1)
        return t * freqs.cos() + stack((-b, a), dim=-1).flatten(-2) * freqs.sin()

    def forward(self, x, mask):
        x = self.norm(x)
        q, (k, v) = self.to_q(x), self.to_kv(x).chunk(2, dim=-1)
        q = q.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = (t.unflatten(-1, (self.kv_heads, -1)).transpose(1, 2) for t in (k, v))
        q, k = self.rotate(l2norm(q)), self.rotate(l2norm(k))
        mem_k, mem_v = (t.expand(x.shape[0], -1, -1, -1) for t in self.mem)
        k, v = cat((mem_k, k), dim=-2), cat((mem_v, v), dim=-2)
        q = q.unflatten(1, (self.kv_heads, -1))
        sim = einsum("b h g i d, b h j d -> b h g i j", q, k) * q.shape[-1] ** 0.5
        i, j = sim.shape[-2:]
        lowest = -torch.finfo(sim.dtype).max
        sim = sim.masked_fill(~F.pad(mask, (2, 0), value=True)[:, None, None, None], lowest)
        sim = sim.masked_fill(torch.ones((i, j), dtype=torch.bool, device=x.device).triu(j - i + 1), lowest)
        attn = sim.softmax(dim=-1, dtype=torch.float32).type(sim.dtype)
        out = einsum("b h g i j, b h j d -> b h g i d", attn, v).flatten(1, 2)
        return self.to_out(out.transpose(1, 2).flatten(2))


class Experts(Module):
    def __init__(self, dim, count=4):
        super().__init__()
        self.gate = nn.Linear(dim, count, bias=False)
        self.w1 = Parameter(torch.empty(count, dim, dim * 2).uniform_(-0.2, 0.2))
        self.w2 = Parameter(torch.empty(count, dim, dim).uniform_(-0.2, 0.2))

    def forward(self, x):
        probs = self.gate(x).softmax(-1)
        values, index = probs.topk(2, dim=-1)
        values = values / values.sum(-1, keepdim=True).clamp(min=1e-6)
        chosen = F.one_hot(index, probs.shape[-1]).float()
        balance = (chosen.sum(2).mean(1) * probs.mean(1)).sum() * probs.shape[-1]
        a, b = einsum("b n d, e d f -> b e n f", x, self.w1).chunk(2, -1)
        out = einsum("b e n f, e f d -> b e n d", a * F.silu(b), self.w2)
        return einsum("b e n d, b n e -> b n d", out, einsum("b n k, b n k e -> b n e", values, chosen)), balance


class Codes(Module):
    def __init__(self, dim):
        super().__init__()
        self.register_buffer("mask", 2 ** torch.arange(dim - 1, -1, -1))

    def forward(self, x):
        signs = torch.where(x > 0, torch.ones_like(x), -torch.ones_like(x))
        quantized = x + (signs - x).detach()
        return quantized, ((x > 0).int() * self.mask.int()).sum(-1), F.mse_loss(x, quantized.detach())


class Model(Module):
    def __init__(self, vocabulary=20, dim=16, depth=2):
        super().__init__()
        self.emb = nn.Embedding(vocabulary, dim)
        self.layers = ModuleList([ModuleList([Attend(dim), Experts(dim)]) for _ in range(depth)])
        self.codes, self.out = Codes(dim), nn.Sequential(RMSNorm(dim), nn.Linear(dim, vocabulary, bias=False))
        nn.init.kaiming_normal_(self.emb.weight)

    def forward(self, ids, lens):
        mask = torch.arange(ids.shape[1])[None] < lens[:, None]
        x, balance = self.emb(ids[:, :-1]), 0.0
        for attend, experts in self.layers:
            x = attend(x, mask[:, :-1]) + x
            out, part = experts(x)
            x, balance = x + out, balance + part
        quantized, _, distance = self.codes(x)
        labels = ids[:, 1:].masked_fill(~mask[:, 1:], -1)
        loss = F.cross_entropy(self.out(x + quantized).transpose(1, 2), labels, ignore_index=-1)
        return loss + 0.01 * balance + 0.1 * distance


model = Model()
average = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.99))
lens = torch.tensor([9, 6, 12])
for step in range(4):
    for _ in range(2):
        ids = pad_sequence([torch.randint(1, 20, (each,)) for each in lens.tolist()], batch_first=True)
        loss = model(ids, lens)
        (loss / 2).backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    print(f"step {step}: loss {loss.item():.5f} norm {norm.item():.4f}")
    optimizer.step()
    optimizer.zero_grad()
    for mine, theirs in zip(average.parameters(), model.parameters()):
        mine.data.lerp_(theirs.data, 0.1)
print(tree_map(lambda t: round(t.abs().mean().item(), 4), {"loss": average(ids, lens), "emb": [average.emb.weight]}))
