"""Graph convolution over a sparse adjacency matrix: pygcn's layers, LightGCN's propagation, and attention by edges."""
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.modules.module import Module
from torch.nn.parameter import Parameter


class GraphConvolution(Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = Parameter(torch.FloatTensor(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.FloatTensor(out_features))
        else:
            self.register_parameter("bias", None)
        stdv = 1. / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        support = torch.mm(input, self.weight)
        output = torch.spmm(adj, support)
        return output if self.bias is None else output + self.bias


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1, self.gc2 = GraphConvolution(nfeat, nhid), GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.gc2(x, adj), dim=1)


def normalized_adjacency(edges, n):
    dense = np.eye(n, dtype=np.float32)
    dense[edges[0], edges[1]] = dense[edges[1], edges[0]] = 1
    row, col = dense.nonzero()
    indices = torch.from_numpy(np.vstack((row, col)).astype(np.int64))
    adj = torch.sparse.FloatTensor(indices, torch.ones(len(row)), torch.Size((n, n)))
    degree = torch.sparse.sum(adj, dim=1).to_dense()
    scale = degree.pow(-0.5)
    return torch.sparse_coo_tensor(indices, scale[row] * scale[col], (n, n)).coalesce()


class SpecialSpmmFunction(torch.autograd.Function):
    """Differentiates a product in the values alone, without a dense gradient of the matrix."""

    @staticmethod
    def forward(ctx, indices, values, shape, b):
        a = torch.sparse_coo_tensor(indices, values, shape)
        ctx.save_for_backward(a, b)
        ctx.N = shape[0]
        return torch.matmul(a, b)

    @staticmethod
    def backward(ctx, grad_output):
        a, b = ctx.saved_tensors
        grad_values = grad_b = None
        if ctx.needs_input_grad[1]:
            grad_a_dense = grad_output.matmul(b.t())
            edge_idx = a._indices()[0, :] * ctx.N + a._indices()[1, :]
            grad_values = grad_a_dense.view(-1)[edge_idx]
        if ctx.needs_input_grad[3]:
            grad_b = a.t().matmul(grad_output)
        return None, grad_values, None, grad_b


class LightGCN(nn.Module):
    def __init__(self, graph, n, dim, layers=2, keep=0.8):
        super().__init__()
        self.register_buffer("graph", graph)
        self.embedding = nn.Embedding(n, dim)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.layers, self.keep = layers, keep

    def dropped(self):
        x = self.graph
        size, index, values = x.size(), x.indices().t(), x.values()
        random_index = (torch.rand(len(values)) + self.keep).int().bool()
        return torch.sparse.FloatTensor(index[random_index].t(), values[random_index] / self.keep, size)

    def forward(self):
        graph = self.dropped() if self.training else self.graph
        every = [self.embedding.weight]
        for _ in range(self.layers):
            every.append(torch.sparse.mm(graph, every[-1]))
        return torch.mean(torch.stack(every, dim=1), dim=1)


rng = np.random.RandomState(0)
n = 40
edges = rng.randint(0, n, (2, 100))
adj = normalized_adjacency(edges, n)
print(adj.shape, adj._nnz(), adj.is_sparse, adj.layout, adj.dtype, isinstance(adj, torch.Tensor))
features = torch.from_numpy(rng.rand(n, 12).astype(np.float32))
labels = torch.from_numpy(rng.randint(0, 3, n))
train, test = torch.arange(25), torch.arange(25, n)

torch.manual_seed(0)
model = GCN(12, 8, 3, dropout=0.5)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
for epoch in range(20):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss = F.nll_loss(output[train], labels[train])
    loss.backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        output = model(features, adj.to_sparse_csr())
    print(f"Epoch: {epoch + 1:04d} loss_train: {loss.item():.4f} loss_val: {F.nll_loss(output[test], labels[test]):.4f}")

torch.manual_seed(1)
light = LightGCN(adj, n, 6).to("cpu").float()
optimizer = torch.optim.SGD(light.parameters(), lr=2.0)
print(sorted(light.state_dict()))
for _ in range(6):
    light.train()
    found = light()
    scores = (found[edges[0]] * found[edges[1]]).sum(1) - (found[edges[0]] * found[rng.randint(0, n, 100)]).sum(1)
    loss = F.softplus(-scores).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.4f} {light.embedding.weight.grad.norm():.4f}")

# Attention by edges: scores of the edges become the values of a sparse matrix.
torch.manual_seed(2)
attention = nn.Linear(24, 1)
edge = adj.indices()
for _ in range(4):
    edge_h = torch.cat((features[edge[0]], features[edge[1]]), dim=1)
    edge_e = torch.exp(-F.leaky_relu(attention(edge_h).squeeze(1), 0.2))
    e_rowsum = SpecialSpmmFunction.apply(edge, edge_e, torch.Size([n, n]), torch.ones(n, 1))
    h_prime = SpecialSpmmFunction.apply(edge, edge_e, torch.Size([n, n]), features).div(e_rowsum)
    again = torch.sparse.mm(torch.sparse.softmax(torch.sparse_coo_tensor(edge, edge_e.log(), (n, n)), dim=1), features)
    loss = (h_prime[:, 0] - labels).pow(2).mean() + again.pow(2).mean()
    attention.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter -= 0.5 * parameter.grad
    print(f"{loss.item():.4f} {(h_prime - again).abs().max().item() < 1e-5}")
