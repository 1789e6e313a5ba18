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
