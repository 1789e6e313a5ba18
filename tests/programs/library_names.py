"""What libraries of networks do around training in one process: they compare with names of parts that are not used."""
import torch
import torch.nn as nn
from torch._subclasses.fake_tensor import FakeTensor, is_fake
from torch._tensor_str import PRINT_OPTS
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributions import MultivariateNormal
from torch.fx.experimental.symbolic_shapes import guard_or_false

torch.manual_seed(0)
aten = torch.ops.aten
SMALL = {"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "F16": torch.float16, "BF16": torch.bfloat16}
PLAN = {"embed": Replicate(), "layers.0": Shard(0), "layers.1": Shard(-1)}


def is_plain(tensor: torch.torch.Tensor):
    return not isinstance(tensor, (DTensor, FakeTensor)) and not is_fake(tensor) and tensor.dtype not in SMALL.values()


class WithoutInit(MultivariateNormal):
    """A distribution that sets what the class reads, as libraries of Gaussian processes do."""

    def __init__(self, mean, tril):
        self.loc, self._unbroadcasted_scale_tril = mean, tril
        super(MultivariateNormal, self).__init__(tril.shape[:-2], mean.shape[-1:], validate_args=False)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 8), nn.Linear(8, 3)])
        self.scale = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        x = aten.alias.default(torch.tanh(self.layers[0](x)))
        x = self.layers[1](aten.slice.Tensor(x, 1, 0, 8))
        return aten.index.Tensor(x, [None, torch.tensor([2, 0, 1])])


model = Net()
assert all(is_plain(each) for each in model.parameters())
if any(isinstance(module, torch._dynamo.eval_frame.OptimizedModule) for module in model.modules()):
    print("compiled")
mesh = None if not any(isinstance(each, DeviceMesh) for each in PLAN.values()) else "mesh"
print(mesh, PLAN, [str(each) for each in PLAN.values()], PLAN["layers.0"] == Shard(0))
print({name: (torch.finfo(each).max, each.itemsize, str(each)) for name, each in SMALL.items()})
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for step in range(5):
    x = torch.randn(10, 6)
    gaussian = WithoutInit(model(x), torch.diag_embed(model.scale.exp()))
    loss = -gaussian.log_prob(x[:, :3]).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if guard_or_false(loss.item() < 100):
        print(f"step {step}: loss {loss.item():.5f}")
weights = {name: aten._to_copy.default(each, dtype=torch.float64) for name, each in model.state_dict().items()}
print(sum(each.sum() for each in weights.values()), PRINT_OPTS.precision)
