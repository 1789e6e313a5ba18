"""Lazy layers: they take the size of their input from the first call, and become plain layers.

Until then their parameters have no shape. ``LazyModuleMixin`` holds the mechanism: on the first call it lets the module
make its parameters, and changes the module's class to that of the plain layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import MinitensorError, ShapeError, UsageError
from minitensor.nn.linear import Linear
from minitensor.nn.locate import locate, reject
from minitensor.nn.module import Module
from minitensor.nn.parameter import UninitializedParameter, UninitializedTensorMixin, is_lazy

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class LazyModuleMixin(Module):
    """The base class of modules that make their parameters when they are first called.

    A subclass registers ``UninitializedParameter`` and ``UninitializedBuffer`` objects in its constructor. Its
    ``initialize_parameters`` gets the arguments of ``forward`` and gives each of them its shape by ``materialize``. If
    ``cls_to_become`` names a class, the module is of that class from then on.

    The parameters stay the same objects: an optimizer may be made before the first call.

    Args:
        *args, **kwargs: Passed on to the next class in the order of inheritance.

    Raises:
        NotImplementedError: If a subclass does not define ``initialize_parameters``.
        RuntimeError: If ``initialize_parameters`` leaves a parameter or buffer without a shape.

    >>> import minitensor as torch
    >>> class Scale(torch.nn.LazyModuleMixin):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.UninitializedParameter()
    ...     def initialize_parameters(self, x):
    ...         self.factor.materialize(x.shape[-1:])
    ...         torch.nn.init.ones_(self.factor)
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> layer = Scale()
    >>> layer(torch.zeros(5, 3)).shape, layer.factor.shape
    (torch.Size([5, 3]), torch.Size([3]))
    """

    cls_to_become: type[Module] | None = None
    _waiting: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the parameters on the first call, then call the module as what it has become."""
        if self._waiting:
            try:
                self._infer_parameters(self, args, kwargs)
            except MinitensorError as error:
                locate(error, self)
                raise
            except (AttributeError, TypeError) as error:
                reject(self, args, kwargs, error)
                raise
        return Module.__call__(self, *args, **kwargs)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give each parameter its shape and first values; every subclass defines this."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Tell whether there is a parameter or buffer without a shape."""
        return any(is_lazy(each) for table in (self._parameters, self._buffers) for each in table.values())

    def _infer_parameters(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        self.initialize_parameters(*args, **(kwargs or {}))
        if self.has_uninitialized_params():
            raise UsageError(
                f"module {self._get_name()} has not been fully initialized: initialize_parameters must materialize "
                + ", ".join(name for name, each in {**self._parameters, **self._buffers}.items() if is_lazy(each))
            )
        if self.cls_to_become is None:
            self._waiting = False
        else:
            del self._waiting
            self.__class__ = self.cls_to_become  # type: ignore[assignment]  # this class is a child of it

    def _materialize(self, **shapes: tuple[int, ...]) -> None:
        """Give shapes to those parameters and buffers that have none."""
        for name, shape in shapes.items():
            each = getattr(self, name)
            if isinstance(each, UninitializedTensorMixin):
                each.materialize(shape)


class LazyLinear(LazyModuleMixin, Linear):
    """A ``Linear`` that takes ``in_features`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``Linear``. See ``LazyModuleMixin``.

    Args:
        out_features: Size of the last dim of the output.
        bias: Whether to add a learned bias. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (*, in_features), with any number of leading dims
        - Output: (*, out_features)

    Attributes:
        weight: (out_features, in_features), drawn from U(-k, k) with k = 1 / sqrt(in_features).
        bias: (out_features), drawn from the same distribution, or None.

    Raises:
        ShapeError: If the first input has no dims, or the last dim of a later one has another size.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyLinear(3)
    >>> layer(torch.ones(2, 5)).shape
    torch.Size([2, 3])
    >>> layer
    Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: DeviceLike = None, dtype: Dtype | None = None
    ) -> None:
        super().__init__(0, 0, False)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new values of the weight and the bias, if they have a shape."""
        if not self.has_uninitialized_params() and self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take ``in_features`` from the input."""
        if input.ndim == 0:
            raise ShapeError("expected an input with at least one dim, got a scalar")
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self._materialize(weight=(self.out_features, self.in_features), bias=(self.out_features,))
            self.reset_parameters()
        # A weight that was loaded from a state dict may have another size than the input; then forward raises.
        self.in_features = self.weight.shape[-1]


