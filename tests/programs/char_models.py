"""Names letter by letter: a bigram table, an MLP with hand-made batch norm, backward by hand, Gumbel-like sampling."""
import torch
import torch.nn.functional as F

names = "emma olivia ava isabella sophia mia charlotte amelia evelyn abigail harper emily ella avery sofia".split()
chars = sorted(set("".join(names)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
itos = {i: s for s, i in stoi.items()}
V = len(itos)

N = torch.zeros((V, V), dtype=torch.int32)
for w in names:
    chs = ["."] + list(w) + ["."]
    for ch1, ch2 in zip(chs, chs[1:]):
        N[stoi[ch1], stoi[ch2]] += 1
P = (N + 1).float()
P /= P.sum(1, keepdims=True)
g = torch.Generator().manual_seed(2147483647)
for _ in range(3):
    out, ix = [], 0
    while True:
        ix = torch.multinomial(P[ix], num_samples=1, replacement=True, generator=g).item()
        out.append(itos[ix])
        if ix == 0:
            break
    print("".join(out))

X, Y = [], []
for w in names:
    context = [0] * 3
    for ch in w + ".":
        X.append(context)
        Y.append(stoi[ch])
        context = context[1:] + [stoi[ch]]
X, Y = torch.tensor(X), torch.tensor(Y)
print(X.shape, X.dtype, Y.shape)
C = torch.randn((V, 4), generator=g)
W1 = torch.randn((12, 20), generator=g) * (5 / 3) / (12**0.5)
W2 = torch.randn((20, V), generator=g) * 0.1
b2 = torch.randn(V, generator=g) * 0.1
bngain, bnbias = torch.ones((1, 20)), torch.zeros((1, 20))
parameters = [C, W1, W2, b2, bngain, bnbias]
print(sum(p.nelement() for p in parameters))
for p in parameters:
    p.requires_grad = True
for i in range(5):
    ix = torch.randint(0, X.shape[0], (16,), generator=g)
    Xb, Yb = X[ix], Y[ix]
    emb = C[Xb]
    hprebn = emb.view(emb.shape[0], -1) @ W1
    bnmean, bnstd = hprebn.mean(0, keepdim=True), hprebn.std(0, keepdim=True)
    h = torch.tanh(bngain * (hprebn - bnmean) / bnstd + bnbias)
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Yb)
    for p in parameters:
        p.grad = None
    for t in (logits, h, hprebn, emb):
        t.retain_grad()
    loss.backward()
    for p in parameters:
        p.data += -0.1 * p.grad
    print(f"{i:7d}/{5:7d}: {loss.item():.4f}")

with torch.no_grad():
    dlogits = F.softmax(logits, 1)
    dlogits[range(16), Yb] -= 1
    dlogits /= 16
    counts = (logits - logits.max(1, keepdim=True).values).exp()
    logprobs = (counts * counts.sum(1, keepdims=True) ** -1).log()
    print(f"{-logprobs[range(16), Yb].mean():.4f}", torch.allclose(dlogits, logits.grad, atol=1e-6))
    dC = torch.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            dC[Xb[k, j]] += emb.grad[k, j]
    print(torch.allclose(dC, C.grad), f"{(dC - C.grad).abs().max().item() < 1e-6}", f"{h.grad.norm():.4f}")
