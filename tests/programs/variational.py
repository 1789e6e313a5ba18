"""A variational autoencoder: reparametrized samples, BCE with a sum, the KL term, evaluation, samples."""
import argparse

import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F

parser = argparse.ArgumentParser(description="VAE")
parser.add_argument("--epochs", type=int, default=3, metavar="N")
parser.add_argument("--seed", type=int, default=1, metavar="S")
args = parser.parse_args([])
torch.manual_seed(args.seed)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 40)
        self.fc21 = nn.Linear(40, 5)
        self.fc22 = nn.Linear(40, 5)
        self.fc3 = nn.Linear(5, 40)
        self.fc4 = nn.Linear(40, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-3)
pictures = torch.rand(64, 1, 8, 8)
loader = torch.utils.data.DataLoader([(p, 0) for p in pictures], batch_size=16, shuffle=True)
for epoch in range(1, args.epochs + 1):
    model.train()
    train_loss = 0
    for data, _ in loader:
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    print(f"====> Epoch: {epoch} Average loss: {train_loss / len(loader.dataset):.4f}")
    model.eval()
    with torch.no_grad():
        recon_batch, mu, logvar = model(pictures)
        print(f"====> Test set loss: {loss_function(recon_batch, pictures, mu, logvar).item() / 64:.4f}")
        n = min(pictures.size(0), 4)
        comparison = torch.cat([pictures[:n], recon_batch.view(64, 1, 8, 8)[:n]])
        sample = model.decode(torch.randn(8, 5)).cpu()
        print(tuple(comparison.shape), f"{sample.view(8, 1, 8, 8).mean():.4f}")
