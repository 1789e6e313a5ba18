"""Learning to compare: a siamese net, triplets, contrastive pairs, word vectors, matrix factors, an embedding bag."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler, random_split

torch.manual_seed(6)


class Pairs(Dataset):
    def __init__(self, n=40):
        self.x, self.y = torch.randn(n, 12), torch.arange(n) % 4
        self.x += self.y[:, None]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        partner = int(torch.randint(len(self), (1,)))
        return {"a": self.x[index], "b": self.x[partner], "same": float(self.y[index] == self.y[partner]), "y": self.y[index]}


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(12, 8), nn.ReLU(inplace=True), nn.Linear(8, 6)), nn.Bilinear(6, 6, 1)
        self.body.apply(self.init_weights)

    def init_weights(self, m):
        if isinstance(m, nn.Linear):
            torch.nn.init.xavier_uniform_(m.weight)
            m.bias.data.fill_(0.01)

    def forward(self, a, b):
        a, b = self.body(a), self.body(b)
        return torch.sigmoid(self.head(a, b)).squeeze(), a, b


pairs = Pairs()
train, held_out = random_split(pairs, [32, 8], generator=torch.Generator().manual_seed(1))
sampler = WeightedRandomSampler([1.0 + (i % 3) for i in range(32)], num_samples=32)
loader = DataLoader(train, batch_size=8, sampler=sampler)
model = Siamese()
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
for epoch in range(2):
    for i, batch in enumerate(loader):
        same, a, b = model(batch["a"], batch["b"])
        loss = F.binary_cross_entropy(same, batch["same"].float())
        loss = loss + F.triplet_margin_loss(a, a.roll(1, 0), b, margin=0.5) + F.pairwise_distance(a, b).mean() * 0.1
        sim = F.cosine_similarity(a[:, None], b[None], dim=-1) / 0.5
        loss = loss + F.cross_entropy(sim, torch.arange(len(a)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    print(f"{epoch} {loss.item():.5f} {torch.cdist(a, b).mean():.5f} {batch['y'].tolist()}")

text = "we are about to study the idea of a computational process computational processes are abstract beings".split()
vocab = sorted(set(text))
word_to_ix = {w: i for i, w in enumerate(vocab)}


class CBOW(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings, self.linear = nn.Embedding(len(vocab), 6, max_norm=2.0), nn.Linear(6, len(vocab))

    def forward(self, context):
        return F.log_softmax(self.linear(self.embeddings(context).sum(dim=0)).view(1, -1), dim=1)


cbow, loss_function = CBOW(), nn.NLLLoss()
optimizer = torch.optim.SGD(cbow.parameters(), lr=0.05)
for epoch in range(3):
    total_loss = 0
    for i in range(2, len(text) - 2):
        context = torch.tensor([word_to_ix[text[j]] for j in (i - 2, i - 1, i + 1, i + 2)], dtype=torch.long)
        cbow.zero_grad()
        loss = loss_function(cbow(context), torch.tensor([word_to_ix[text[i]]], dtype=torch.long))
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    print(f"cbow {total_loss:.4f}")
skip = nn.Embedding(len(vocab), 6), nn.Embedding(len(vocab), 6)
optimizer = torch.optim.Adagrad([p for e in skip for p in e.parameters()], lr=0.1)
for _ in range(3):
    center, outer = torch.randint(len(vocab), (2, 16))
    noise = torch.multinomial(torch.ones(16, len(vocab)), 3)
    positive = F.logsigmoid((skip[0](center) * skip[1](outer)).sum(1))
    negative = F.logsigmoid(-torch.bmm(skip[1](noise), skip[0](center).unsqueeze(2)).squeeze(2)).sum(1)
    loss = -(positive + negative).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"skipgram {loss.item():.5f}")

bag = nn.EmbeddingBag(len(vocab), 5, mode="mean")
classifier = nn.Linear(5, 2)
flat, offsets = torch.tensor([word_to_ix[w] for w in text]), torch.tensor([0, 4, 9])
optimizer = torch.optim.SGD([*bag.parameters(), *classifier.parameters()], lr=2.0)
for _ in range(3):
    loss = nn.CrossEntropyLoss()(classifier(bag(flat, offsets)), torch.tensor([0, 1, 0]))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(bag.parameters(), 0.1)
    optimizer.step()
    print(f"bag {loss:.5f}")
with torch.no_grad():
    w = F.normalize(cbow.embeddings.weight, dim=1)
    values, indices = torch.topk(w @ w[word_to_ix["computational"]], k=3)
    print([vocab[i] for i in indices], [f"{v:.3f}" for v in values])
