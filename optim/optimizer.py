"""Optimizer: groups of parameters, a state for each parameter, and the loop that applies a rule to them.

A rule (SGD, Adam, ...) names the arrays that it keeps for a parameter and writes one ``update`` on plain arrays. This
file decides which memory an update sees, counts steps and versions, and writes and reads state dicts. It knows no rule
and no module.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from minitensor.autograd.misuse import explain_constructor
from minitensor.autograd.mode import enable_grad, report_writes
from minitensor.autograd.protocol import active
from minitensor.backends import BY_ARRAY
from minitensor.backends.reference import blend as reference
from minitensor.backends.silence import in_silence
from minitensor.base import require_writable
from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    IndexRangeError,
    MissingEntryError,
    WrongTypeError,
    convert_recursion_error,
    quote,
)
from minitensor.optim import plan as plans
from minitensor.optim.options import fill_group, in_numbers, in_scalars, require_options
from minitensor.optim.options import required as required
from minitensor.optim.plan import Names, Part, Plan, complete_state, require_entries
from minitensor.optim.recorded import Cell, Operations, Recorded, blank, require_recordable
from minitensor.optim.sparse_steps import refuse_sparse, update_sparse
from minitensor.optim.state_dicts import adapt, merge_group, require_counts, require_groups, require_same_groups
from minitensor.optim.step_hooks import AFTER, BEFORE, Hook, step_with_hooks
from minitensor.optim.step_hooks import register_optimizer_step_post_hook as register_optimizer_step_post_hook
from minitensor.optim.step_hooks import register_optimizer_step_pre_hook as register_optimizer_step_pre_hook
from minitensor.optim.subclassing import ParamsT, _default_to_fused_or_foreach, _use_grad_for_differentiable  # noqa: F401
from minitensor.profiler.labels import label
from minitensor.tensor import Tensor
from minitensor.utils.hooks import Hooks, RemovableHandle

if TYPE_CHECKING:
    from minitensor.backends import Array

Group = dict[str, Any]
State = dict[str, Any]
Params = Iterable[Tensor] | Iterable[Group] | Iterable[tuple[str, Tensor]]


class Scratch(NamedTuple):
    """What an update computes with: the array library, and two arrays shaped like the parameter."""

    xp: Any
    one: Array
    two: Array

    def blend(self, target: Any, keep: float, values: Array, share: float) -> None:
        """Replace ``target`` by ``keep * target + share * values``; may overwrite ``one``."""
        if isinstance(target, Cell):
            reference.blend(self.xp, target, keep, values, share, self.one)
        else:
            BY_ARRAY[target.__class__].blend(target, keep, values, share, self.one)


class Optimizer:
    """The base class of all optimizers.

    A subclass writes ``update``, and ``slots`` if it keeps arrays for a parameter.

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        defaults: The options of groups that do not set them.

    Attributes:
        param_groups: The groups, dicts that hold ``"params"`` and every option; change an option here between steps.
        state: For each parameter a dict of what the rule keeps.
        defaults: As given.

    Raises:
        TypeError: If ``params`` is a single tensor, a set or not iterable, or holds something other than tensors.
        ValueError: If ``params`` is empty, holds a non-leaf tensor or a parameter of another group, or names only some.
        KeyError: If a group has no ``"params"``.

    Most optimizers take ``differentiable``: then the graph records each step, and gradients flow through it to the
    values before, to the gradients, to tensors in ``state``, and to tensors among the options. The parameters cannot be
    leaves, because a step writes to them in place; give clones of leaves. A leaf raises ``RuntimeError`` in ``step``.

    >>> import minitensor as torch
    >>> rate, leaf = torch.tensor(0.5, requires_grad=True), torch.nn.Parameter(torch.ones(2))
    >>> weight = leaf.clone()
    >>> weight.grad = torch.tensor([2.0, 3.0])
    >>> torch.optim.SGD([weight], lr=rate, differentiable=True).step()
    >>> torch.autograd.grad(weight.sum(), [leaf, rate])
    (tensor([1., 1.]), tensor(-5.))
    """

    elementwise: ClassVar[bool] = True  # else an update sees whole parameters, or several of one shape, stacked
    takes_sparse: ClassVar[bool] = False  # the rule has `update_sparse`
    streams: ClassVar[bool] = False  # memory limits an update: a second thread does not help
    counts: ClassVar[bool] = False  # the state has a "step", as a float tensor
    scalars: ClassVar[tuple[str, ...]] = ()  # what else the state has of that kind
    optional: ClassVar[tuple[str, ...]] = ()  # what a state may lack until it is needed
    first_only: ClassVar[tuple[str, ...]] = ()  # options that only the first update of a parameter reads
    later: ClassVar[dict[str, Any]] = {  # options that older state dicts lack, and their values then
        "foreach": None, "maximize": False, "capturable": False, "differentiable": False, "fused": None,
        "decoupled_weight_decay": False,
    }  # fmt: skip
    foreach_records: ClassVar[bool] = False  # PyTorch's foreach=True goes with differentiable=True

    param_groups: list[Group]
    state: defaultdict[Any, State]
    defaults: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        explain_constructor(cls)

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got one Tensor: "
                "put it in a list"
            )
        self.__setstate__({"defaults": defaults, "state": defaultdict(dict), "param_groups": []})
        if not isinstance(params, Iterable):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__name__}: of a module give .parameters()"
            )
        given: list[Any] = list(params)
        if not given:
            raise ArgumentError("optimizer got an empty parameter list")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    # -- what a rule writes

    def slots(self, group: Group) -> tuple[str, ...]:
        """Name the arrays, shaped like the parameter, that the rule keeps under these options."""
        return ()

    def initial(self, group: Group, name: str) -> float | Tensor:
        """Return the number that first fills one of these arrays, or one of ``scalars``."""
        return 0.0

    @abstractmethod
    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Any], scratch: Scratch
    ) -> None:
        """Change ``param`` and ``state`` in place; leave ``grad`` and the optimizer unchanged.

        Several threads may update blocks of one parameter at once.

        ``step`` is 1 at a parameter's first update; a rule that does not count sees 2 at all later ones. ``state``
        begins with the rule's scalars, which are numbers, as the options are. With ``differentiable`` the arrays are
        cells, and numbers may be tensors without dims; see recorded.py.
        """

    def advance(self, group: Group, step: int, scalars: Sequence[float]) -> Sequence[float]:
        """Return the next scalars, after all of a parameter was updated; most rules have none."""
        return scalars

    def update_sparse(self, group: Group, param: Tensor, grad: Tensor) -> None:
        """Change ``param`` and its state in place, in the entries that a sparse gradient has."""

    # -- the loop

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: Computes the loss anew, with its gradients; called once, with gradients enabled. Default: ``None``.

        Returns:
            What ``closure`` returned, or None.
        """
        with label("Optimizer.step", self, "step"):
            if self._step_pre_hooks or self._step_post_hooks or BEFORE or AFTER:
                return step_with_hooks(self, closure)
            return self._step(closure)

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        self._opt_called = True  # A scheduler asks whether its first step came before the optimizer's.
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if active:
            refuse_sparse(self, self.param_groups)
        if self.defaults.get("differentiable"):
            self._record()
            return loss
        groups = [self._options(number, group) for number, group in enumerate(self.param_groups)]
        if len(self._plans) < len(groups):  # else all states were checked
            for group in groups:
                self._require_state(group)
        self._require_writable(groups)
        for number, group in enumerate(groups):
            in_silence(self._update_group, number, group)
        return loss

    def _require_writable(self, groups: list[Group]) -> None:
        """Raise, before anything is written, if a parameter lies in read-only memory."""
        for group in groups:
            for param in group["params"]:
                storage = param._storage
                if storage is not None and storage.is_read_only and param.grad is not None:
                    require_writable(f"{type(self).__name__}.step", param)

    def _options(self, number: int, group: Group) -> Group:
        """Return a group's options as numbers; raise, before anything is written, if one is missing or not a number."""
        kinds = list(map(type, group.values()))
        if kinds != self._kinds.get(number):  # a step takes some 8 us; checking every option would add 2
            require_options(f"{type(self).__name__}: param_groups[{number}]", group, self._requirements(group))
            self._kinds[number] = kinds
        return in_numbers(group)

    def _requirements(self, group: Group) -> dict[str, Any]:
        """Return the defaults of the options that a group must have."""
        unread = set(self.first_only) if all(map(self.state.get, group["params"])) else ()
        return {name: default for name, default in self.defaults.items() if name in group or name not in unread}

    def _require_state(self, group: Group) -> None:
        """Raise, before anything is written, if a state does not fit its parameter."""
        names = self._names(group)
        for param in group["params"]:
            if param.grad is not None and self.state.get(param):
                require_entries(type(self).__name__, param, self.state[param], names, self.optional)
                kept = [each for each in self.state[param].values() if isinstance(each, Tensor)]
                require_writable(f"{type(self).__name__}.step", *kept)

    def _update_group(self, number: int, group: Group) -> None:
        """Apply the rule to one group; see Note [What an update sees] in plan.py."""
        params = [param for param in group["params"] if param.grad is not None]
        if active:
            params = update_sparse(self, group, params)
        if not params:
            return
        report_writes(f"{type(self).__name__}.step", params)
        names = self._names(group)
        states: list[State] = [self.state[param] for param in params] if any(names) else [{} for _ in params]
        plan = self._plans.get(number)
        if plan is None or not plan.holds(params, states, names):
            self._require_state(group)
            initial = partial(self.initial, group)
            block = 0 if not self.elementwise else plans.LONG_BLOCK if self.streams else plans.BLOCK
            plan = self._plans[number] = Plan(params, states, names, initial, block)
        for part in plan.parts:
            self._update_part(group, part)

    def _update_part(self, group: Group, part: Part) -> None:
        """Apply the rule to parameters that are updated together."""
        step, scalars = part.count_step(), part.scalars()
        pieces = list(part.pieces())

        def turn(number: int) -> None:
            param, grad, state = pieces[number]
            self.update(group, step, param, grad, scalars + state, self._scratch(param))

        if len(pieces) == 1 or self.streams:
            for number in range(len(pieces)):
                turn(number)
        else:
            BY_ARRAY[pieces[0].param.__class__].parallel_for(turn, len(pieces))
        if scalars:
            part.set_scalars(self.advance(group, step, scalars))
        part.finish()

    def _record(self) -> None:
        """Apply the rule by operations that the graph records, one parameter after the other."""
        for number, group in enumerate(self.param_groups):
            require_recordable(group, self.state, self.foreach_records)
            self._options(number, group)
            self._require_state(group)
        with enable_grad():
            for group in map(in_scalars, self.param_groups):
                names = self._names(group)
                for param in group["params"]:
                    if param.grad is not None:
                        state = self.state[param] if any(names) else {}
                        fresh = complete_state(param, state, names, partial(self.initial, group))
                        self._update_part(group, Recorded(param, state, names, fresh))

    def begin(self, group: Group) -> None:
        """Create the state of a group's parameters before their first step."""
        names = self._names(group)
        for param in group["params"]:
            complete_state(param, self.state[param], names, partial(self.initial, group))

    def _names(self, group: Group) -> Names:
        return Names((("step",) if self.counts else ()) + self.scalars, self.slots(group))

    def _scratch(self, like: Any) -> Scratch:
        """Return uninitialized arrays of a shape, kept from step to step, for this thread."""
        if isinstance(like, Cell):
            return Scratch(Operations, blank(like), blank(like))
        key = (like.shape, like.dtype, like.__class__, get_ident())
        kept = self._scratches.get(key)
        if kept is None:
            xp = BY_ARRAY[like.__class__].xp
            kept = self._scratches[key] = Scratch(xp, xp.empty_like(like), xp.empty_like(like))
        return kept

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set all gradients to None, or fill them with zeros if ``set_to_none`` is false."""
        with label("Optimizer.zero_grad", self, "zero_grad"):
            for group in self.param_groups:
                for param in group["params"]:
                    if set_to_none:
                        param.grad = None
                    elif param.grad is not None:
                        param.grad = param.grad.detach()
                        param.grad.zero_()

    # -- groups

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters, with options of its own where ``param_group`` sets some.

        Args:
            param_group: A dict that holds ``"params"``, a tensor or an iterable of tensors, and any options.

        Raises:
            TypeError: If ``param_group`` is not a dict, or holds something other than tensors.
            KeyError: If it has no ``"params"``.
            ValueError: If a tensor is not a leaf or belongs to another group, or if only some parameters are named.
        """
        if not isinstance(param_group, dict):
            raise ArgumentTypeError(f"param_group must be a dict, but got {type(param_group)}")
        if "params" not in param_group:
            raise MissingEntryError(f"param_group has no 'params', but {list(param_group)}")
        params, names = named_params(param_group["params"])
        for param in params:
            require_trainable(param, bool(self.defaults.get("differentiable")))
        require_once(params, self.param_groups)
        self._require_fit(params, param_group)
        has_names = bool(names) or "param_names" in param_group
        if self.param_groups and ("param_names" in self.param_groups[0]) != has_names:
            raise ArgumentError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if has_names else 'without'} names to the optimizer, whose groups are "
                f"{'without' if has_names else 'with'}"
            )
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        fill_group(param_group, self.defaults)
        self.param_groups.append(param_group)

    def _require_fit(self, params: list[Tensor], options: Group) -> None:
        """Raise, before a group is added, if the rule cannot serve its parameters or begin with its options."""

    # -- state dicts

    def state_dict(self) -> dict[str, Any]:
        """Return the state and the options, with numbers in place of the parameters.

        The numbers count through all groups. The tensors are the optimizer's own, not copies.
        """
        for before in self._state_dict_pre_hooks.all():
            before(self)
        numbers = numbers_of(self.param_groups)
        saved = {
            "state": {numbers[key] if isinstance(key, Tensor) else key: value for key, value in self.state.items()},
            "param_groups": [
                {**without_params(group), "params": [numbers[param] for param in group["params"]]}
                for group in self.param_groups
            ],
        }
        for after in self._state_dict_post_hooks.all():
            saved = after(self, saved) or saved
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Replace the state and the options by those of a state dict.

        Tensors are copied to each parameter's device and dtype. Nothing changes if an error is raised.

        Args:
            state_dict: What ``state_dict`` returned, of an optimizer with groups of the same sizes.

        Raises:
            KeyError: If ``"state"``, ``"param_groups"`` or a number that the rule needs is missing.
            ValueError: If the groups differ in number or size.
            TypeError: If an entry has the wrong type.
        """
        if not isinstance(state_dict, Mapping):
            raise WrongTypeError(f"{type(self).__name__}: a state dict must be a dict, not {type(state_dict).__name__}")
        saved = dict(state_dict)
        for before in self._load_state_dict_pre_hooks.all():
            saved = before(self, saved) or saved
        require_groups(type(self).__name__, saved)
        require_same_groups(type(self).__name__, self.param_groups, saved["param_groups"])
        numbers = [number for group in saved["param_groups"] for number in group["params"]]
        params = dict(zip(numbers, (p for group in self.param_groups for p in group["params"]), strict=True))
        state: defaultdict[Any, State] = defaultdict(dict)
        counts = self._names({**self.defaults, **self.param_groups[0]}).scalars
        for number, entry in saved["state"].items():
            if number in params:
                require_counts(type(self).__name__, number, entry, counts)
            with convert_recursion_error(f"{type(self).__name__}: the state's values"):
                state[params.get(number, number)] = adapt(entry, params.get(number), counts)
        groups = [merge_group(old, new) for old, new in zip(self.param_groups, saved["param_groups"], strict=True)]
        self._take(state, groups)
        for after in self._load_state_dict_post_hooks.all():
            after(self)

    def _take(self, state: defaultdict[Any, State], groups: list[Group]) -> None:
        """Replace the state and the groups."""
        self._add_later_options(groups)
        self.state, self.param_groups = state, groups
        self._plans.clear()
        self._kinds.clear()

    def _add_later_options(self, groups: list[Group]) -> None:
        """Give groups of an older version the options that it did not have."""
        for group in groups:
            for option in self.later.keys() & self.defaults.keys():
                group.setdefault(option, self.later[option])

    # -- hooks

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(optimizer, args, kwargs)`` before each step; it may return other (args, kwargs)."""
        return self._step_pre_hooks.register(hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(optimizer, args, kwargs)`` after each step."""
        return self._step_post_hooks.register(hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer)`` before ``state_dict``."""
        return self._state_dict_pre_hooks.register(hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer, state_dict)`` on what ``state_dict`` returns; it may return another dict."""
        return self._state_dict_post_hooks.register(hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer, state_dict)`` before loading; it may return another dict."""
        return self._load_state_dict_pre_hooks.register(hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer)`` after loading."""
        return self._load_state_dict_post_hooks.register(hook, prepend)

    # -- copies and text

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self._add_later_options(attributes.get("param_groups", []))
        self._opt_called = False
        self._known_step: Any = None  # the method of this object that replaced ``step`` when a scheduler was made
        self._plans: dict[int, Plan] = {}
        self._kinds: dict[int, list[type]] = {}  # the types of each group's options at their last check
        self._scratches: dict[Any, Scratch] = {}
        self._step_pre_hooks: Hooks[Hook] = Hooks()
        self._step_post_hooks: Hooks[Hook] = Hooks()
        self._state_dict_pre_hooks: Hooks[Hook] = Hooks()
        self._state_dict_post_hooks: Hooks[Hook] = Hooks()
        self._load_state_dict_pre_hooks: Hooks[Hook] = Hooks()
        self._load_state_dict_post_hooks: Hooks[Hook] = Hooks()

    def __repr__(self) -> str:
        groups = [
            "\n".join([f"Parameter Group {i}", *[f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]])
            for i, group in enumerate(self.param_groups)
        ]
        return "\n".join([f"{type(self).__name__} (", "\n\n".join(groups), ")"])


def without_params(group: Group) -> Group:
    """Return a group's options; PyTorch writes the parameters after them."""
    return {name: value for name, value in group.items() if name != "params"}


def named_params(given: Any) -> tuple[list[Tensor], list[str]]:
    """Return a group's parameters, and their names if it holds pairs."""
    if isinstance(given, set):
        raise ArgumentTypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
            "will change between runs. Please use a list instead."
        )
    if not isinstance(given, Iterable):
        raise ArgumentTypeError(f"'params' of a group must be parameters, not {type(given).__name__}")
    entries = [given] if isinstance(given, Tensor) else list(given)
    for entry in entries:
        if isinstance(entry, tuple) and len(entry) < 2:
            raise IndexRangeError(f"a pair of name and parameter is wanted, got {quote(entry)}")
    names = [entry[0] for entry in entries if isinstance(entry, tuple)]
    if names and len(names) != len(entries):
        raise ArgumentError("all optimizer params should be with/without names. Some param names are missing")
    return [entry[1] if isinstance(entry, tuple) else entry for entry in entries], names


def require_trainable(param: Any, recorded: bool) -> None:
    """Raise unless ``param`` can be trained; a recorded step may also change a tensor computed from others."""
    if not isinstance(param, Tensor):
        raise ArgumentTypeError(f"optimizer can only optimize Tensors, but one of the params is {type(param).__name__}")
    if not (recorded or param.is_leaf or param.retains_grad):
        raise ArgumentError("can't optimize a non-leaf Tensor: it was computed from others; give the optimizer those")


def require_once(params: list[Tensor], groups: list[Group]) -> None:
    """Raise if two groups would update a parameter; warn if one group holds it twice."""
    ids = {id(param) for param in params}
    if len(ids) < len(params):
        warnings.warn(
            "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
            stacklevel=user_level(),
        )
    if any(id(param) in ids for group in groups for param in group["params"]):
        raise ArgumentError("some parameters appear in more than one parameter group")


def numbers_of(groups: list[Group]) -> dict[Any, int]:
    """Number the parameters through all groups."""
    numbers: dict[Any, int] = {}
    start = 0
    for group in groups:
        for i, param in enumerate(group["params"], start):
            numbers.setdefault(param, i)
        start += len(group["params"])
    return numbers


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
