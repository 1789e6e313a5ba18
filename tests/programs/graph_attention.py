"""Graph attention over a dense adjacency matrix: heads, masked scores, NLLLoss on a part of the nodes."""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Adam


class GraphAttentionLayer(nn.Module):
    def __init__(self, in_features: int, out_features: int, n_heads: int, concat: bool = False, dropout: float = 0.4):
        super().__init__()
        self.n_heads, self.concat, self.dropout, self.out_features = n_heads, concat, dropout, out_features
        self.n_hidden = out_features // n_heads if concat else out_features
        self.W = nn.Parameter(torch.empty(size=(in_features, self.n_hidden * n_heads)))
        self.a = nn.Parameter(torch.empty(size=(n_heads, 2 * self.n_hidden, 1)))
        self.leakyrelu = nn.LeakyReLU(0.2)
        nn.init.xavier_normal_(self.W)
        nn.init.xavier_normal_(self.a)

    def forward(self, h: torch.Tensor, adj_mat: torch.Tensor):
        n_nodes = h.shape[0]
        h = F.dropout(torch.mm(h, self.W), self.dropout, training=self.training)
        h = h.view(n_nodes, self.n_heads, self.n_hidden).permute(1, 0, 2)
        source = torch.matmul(h, self.a[:, : self.n_hidden, :])
        target = torch.matmul(h, self.a[:, self.n_hidden :, :])
        e = self.leakyrelu(source + target.mT)
        e = torch.where(adj_mat > 0, e, -9e16 * torch.ones_like(e))
        attention = F.dropout(F.softmax(e, dim=-1), self.dropout, training=self.training)
        h_prime = torch.matmul(attention, h)
        if self.concat:
            return h_prime.permute(1, 0, 2).contiguous().view(n_nodes, self.out_features)
        return h_prime.mean(dim=0)


class GAT(nn.Module):
    def __init__(self, in_features, n_hidden, n_heads, num_classes, concat=False):
        super().__init__()
        self.gat1 = GraphAttentionLayer(in_features, n_hidden, n_heads, concat=concat)
        self.gat2 = GraphAttentionLayer(in_features=n_hidden, out_features=num_classes, n_heads=1)

    def forward(self, x: torch.Tensor, adj_mat: torch.Tensor):
        return F.log_softmax(self.gat2(F.elu(self.gat1(x, adj_mat)), adj_mat), dim=1)


def load_graph(nodes=60):
    rng = np.random.RandomState(0)
    features = torch.FloatTensor(rng.randint(0, 2, (nodes, 20)).astype(np.int32))
    scale = 1 / torch.sum(features, dim=1)
    scale[scale == float("inf")] = 0
    features = torch.diag(scale) @ features
    _, labels = np.unique(rng.choice(["a", "b", "c"], nodes), return_inverse=True)
    adj_mat = torch.eye(nodes)
    edges = torch.from_numpy(rng.randint(0, nodes, (2, 150)))
    adj_mat[edges[0], edges[1]] = 1
    degree = torch.sqrt(1 / adj_mat.sum(1))
    print(f"degrees {degree.mean():.4f} {degree.max().item():.4f}")
    return features, torch.LongTensor(labels), adj_mat


@torch.no_grad()
def test(model, criterion, input, target, mask):
    model.eval()
    output, target = model(*input)[mask], target[mask]
    acc = (output.argmax(dim=1) == target).float().sum() / len(target)
    return criterion(output, target).item(), acc.item()


torch.manual_seed(13)
device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
print(f"Using {device} device")
features, labels, adj_mat = load_graph()
idx = torch.randperm(len(labels)).to(device)
idx_val, idx_train = idx[:20], idx[20:]
for concat in (False, True):
    net = GAT(features.shape[1], 16, 4, num_classes=labels.max().item() + 1, concat=concat).to(device)
    optimizer = Adam(net.parameters(), lr=0.01, weight_decay=5e-4)
    criterion = nn.NLLLoss()
    for epoch in range(6):
        net.train()
        optimizer.zero_grad()
        loss = criterion(net(features, adj_mat)[idx_train], labels[idx_train])
        loss.backward()
        optimizer.step()
        loss_val, acc_val = test(net, criterion, (features, adj_mat), labels, idx_val)
        print(f"Epoch: {epoch + 1:04d} loss_train: {loss:.4f} loss_val: {loss_val:.4f} acc_val: {acc_val:.4f}")
