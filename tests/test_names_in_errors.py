"""The name in a message is the one that was called: not a private function's, a parent class's or an inner op's."""

from __future__ import annotations

from test_bad_input import Misuse, each, leaf, parameter, put, refused

NAMES = [
    Misuse("Linear", lambda t: t.nn.Linear("2", 3),
           r"^Linear\(\): argument 'in_features' must be an int, not str: '2'"),
    Misuse("argmax", lambda t: t.argmax("x"), r"^argmax\(\): argument 'input' must be a tensor, not str: 'x'"),
    Misuse("a number into a leaf", lambda t: put(leaf(t), 0, 1), "^assignment: a view of a leaf Variable"),
    Misuse("norm", lambda t: t.norm(axis=0), r"^norm\(\): missing a required argument: 'input'; it takes \(input, p="),
    Misuse("MaxPool2d", lambda t: t.nn.MaxPool2d(), r"^MaxPool2d\(\): missing.*'kernel_size'; it takes \(kernel_size"),
    Misuse("Adam", lambda t: t.optim.Adam(parameter(t), lr=None),
           r"^Adam\(\): argument 'lr' must be a number or a tensor"),
    Misuse("arange", lambda t: t.arange("a"), r"^arange\(\): argument 'start' must be a number, not str: 'a'"),
    Misuse("a class in Sequential", lambda t: t.nn.Sequential(t.nn.ReLU),
           r"ReLU is a class.*make one, as ReLU\(\.\.\.\)"),
    Misuse("a tensor for an int", lambda t: t.zeros(2, 3).topk(t.zeros(2, 3)),
           r"^topk\(\): argument 'k' must be an int, not Tensor of shape \(2, 3\)"),
    Misuse("a tensor for a probability", lambda t: t.nn.Dropout(t.zeros(2, 3)),
           r"^Dropout\(\): argument 'p' must be a number, not Tensor of shape \(2, 3\)"),
    Misuse("a float for an int", lambda t: t.zeros(3).topk(1.5), r"^topk\(\): argument 'k' must be an int, not float"),
    Misuse("a number for tensors", lambda t: t.stack(3),
           r"^stack\(\): argument 'tensors' must be a sequence of tensors, not int: 3"),
    Misuse("no number", lambda t: t.full_like(t.zeros(2), None),
           r"^full_like\(\): argument 'fill_value' must be a number, not NoneType"),
    Misuse("repeats", lambda t: t.repeat_interleave(t.zeros(2), "a"),
           r"^repeat_interleave\(\): argument 'repeats' must be a tensor or an int, not str: 'a'$"),
    Misuse("sections", lambda t: t.zeros(4).tensor_split("a"),
           r"^tensor_split\(\): argument 'indices_or_sections' must be a tensor or an int or a sequence of ints"),
    Misuse("a grid of a number", lambda t: t.meshgrid(3, t.zeros(2)), r"^meshgrid\(\): argument 'tensors' must be a"),
    Misuse("where", lambda t: t.where(t.zeros(2) > 0, t.zeros(2, 3), "a"), "^where: .*got <Tensor> and 'a'$"),
    Misuse("Unflatten", lambda t: t.nn.Unflatten(1, 3), "must be a sequence of ints, not int: 3$"),
    Misuse("a schedule", lambda t: t.optim.lr_scheduler.LambdaLR(t.optim.SGD(parameter(t), 0.1), 0.1),
           r"^LambdaLR\(\): .*; got optimizer: SGD, lr_lambda: float"),
    Misuse("out=", lambda t: t.relu(t.zeros(2), out=t.zeros(2)),
           r"^relu\(\): got an unexpected keyword argument 'out'; it takes \(input\)$"),
    Misuse("class numbers", lambda t: t.nn.functional.nll_loss(t.zeros(2, 3), t.zeros(2)), r"\(int64 or uint8\), got"),
    Misuse("text for a size", lambda t: t.utils.data.DataLoader([1], batch_size="3"), "got batch_size='3'"),
    Misuse("fractions", lambda t: t.utils.data.random_split([1] * 10, [0.5, 0.6]), r"1\.1 != 10; fractions must sum"),
    Misuse("amax", lambda t: t.amax("a", 0), r"^amax\(\): argument 'input' must be a tensor, not str: 'a'"),
    Misuse("var", lambda t: t.var("a"), r"^var\(\): argument 'input' must be a tensor, not str: 'a'"),
    Misuse("a method's dim", lambda t: t.zeros(2).sum("a"),
           r"^sum\(\): argument 'dim' must be an int or a sequence of ints"),
    Misuse("view", lambda t: t.zeros(2).view("a"), r"^view\(\): sizes must be ints"),
    Misuse("an in-place twin", lambda t: t.zeros(2).mul_("a"),
           r"^mul_\(\): argument 'other' must be a tensor or a number"),
    Misuse("LSTM", lambda t: t.nn.LSTM("a", 3), r"^LSTM\(\): argument 'input_size' must be an int, not str: 'a'"),
    Misuse("StepLR", lambda t: t.optim.lr_scheduler.StepLR(),
           r"^StepLR\(\): missing.*'optimizer'; it takes \(optimizer"),
    Misuse("no state dict", lambda t: t.optim.SGD(parameter(t)).load_state_dict(None),
           "^SGD: .*must be a dict, not None"),
    Misuse("a loss that is not made", lambda t: t.nn.CrossEntropyLoss(t.zeros(2, 3), t.tensor([0, 1])),
           "^CrossEntropyLoss: size_average and reduce are bools.*make the layer first"),
    Misuse("a private op inside", lambda t: leaf(t).index_reduce_(0, t.tensor([0]), t.ones(1), "mean"),
           "^index_reduce_: a leaf Variable"),
    Misuse("an in-place function", lambda t: t.nn.functional.elu(leaf(t), inplace=True), "^elu: a leaf Variable"),
    Misuse("a list in a grid", lambda t: t.meshgrid(t.ones(2), "x"),
           r"^meshgrid\(\): argument 'tensors' must be a tensor or a sequence of tensors, not str: 'x'"),
    Misuse("a list among tensors", lambda t: t.meshgrid(t.ones(2), []),
           r"^meshgrid\(\): argument 'tensors' must not be of the type list; got tensors: Tensor, tensors: list"),
]  # fmt: skip


@each(NAMES)
def test_a_message_begins_with_what_was_called(misuse: Misuse) -> None:
    refused(misuse.call, misuse.message)
