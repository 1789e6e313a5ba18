"""Programs of 2017: Variable, .data, typed constructors, volatile, loss.data[0]'s successor, clamp by hand."""
import torch
from torch.autograd import Variable

dtype = torch.FloatTensor
torch.manual_seed(3)
N, D_in, H, D_out = 16, 20, 10, 4
x = Variable(torch.randn(N, D_in).type(dtype), requires_grad=False)
y = Variable(torch.randn(N, D_out).type(dtype), requires_grad=False)
w1 = Variable(torch.randn(D_in, H).type(dtype), requires_grad=True)
w2 = Variable(torch.randn(H, D_out).type(dtype), requires_grad=True)
for t in range(4):
    y_pred = x.mm(w1).clamp(min=0).mm(w2)
    loss = (y_pred - y).pow(2).sum()
    print(t, "%.2f" % loss.data.item())
    loss.backward()
    w1.data -= 1e-4 * w1.grad.data
    w2.data -= 1e-4 * w2.grad.data
    w1.grad.data.zero_()
    w2.grad.data.zero_()


class MyReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        grad_x = grad_output.clone()
        grad_x[x < 0] = 0
        return grad_x


x, y = torch.randn(N, D_in), torch.randn(N, D_out)
w1, w2 = torch.randn(D_in, H, requires_grad=True), torch.randn(H, D_out, requires_grad=True)
for t in range(4):
    loss = (MyReLU.apply(x.mm(w1)).mm(w2) - y).pow(2).sum()
    print(t, f"{loss.item():.2f}")
    loss.backward()
    with torch.no_grad():
        w1 -= 1e-4 * w1.grad
        w2 -= 1e-4 * w2.grad
        w1.grad.zero_()
        w2.grad.zero_()

# The same by hand.
w1, w2 = torch.randn(D_in, H), torch.randn(H, D_out)
for t in range(4):
    h = x.mm(w1)
    h_relu = h.clamp(min=0)
    y_pred = h_relu.mm(w2)
    print(t, "%.3f" % (y_pred - y).pow(2).sum())
    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h_relu.t().mm(grad_y_pred)
    grad_h = grad_y_pred.mm(w2.t()).clone()
    grad_h[h < 0] = 0
    w1 -= 1e-4 * x.t().mm(grad_h)
    w2 -= 1e-4 * grad_w2

model = torch.nn.Sequential(torch.nn.Linear(D_in, H), torch.nn.ReLU(), torch.nn.Linear(H, D_out))
loss_fn = torch.nn.MSELoss(size_average=False)
for t in range(3):
    loss = loss_fn(model(Variable(x)), Variable(y))
    print(t, f"{loss.data:.3f}", loss.data.numpy().shape)
    model.zero_grad()
    loss.backward()
    for param in model.parameters():
        param.data -= 1e-3 * param.grad.data
