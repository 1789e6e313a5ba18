"""Programs with wrong values for nn.init, nn.utils, modules and containers: PyTorch's result and error class.

In each program, ``@`` is replaced by each wrong value in turn. ``L`` is a linear layer.
"""

from __future__ import annotations

import operator
from collections import OrderedDict
from typing import Any

import pytest

import minitensor as mt
import minitensor.nn.utils.parametrizations
import minitensor.nn.utils.parametrize
import minitensor.nn.utils.prune
import minitensor.nn.utils.rnn

pytestmark = pytest.mark.filterwarnings("ignore")

WRONG = ["None", "'x'", "'2'", "-1", "0", "1.5", "[]", "True", "1j", "object()", "l.ones(2)", "l.ones(2, 3)", "{}",
         "(2, 3)", "b'x'", "float('nan')"]  # fmt: skip

INIT = """
zeros_(@) | ones_(@) | eye_(@) | dirac_(@) | uniform_(@) | normal_(@) | trunc_normal_(@) | xavier_uniform_(@)
xavier_normal_(@) | kaiming_uniform_(@) | kaiming_normal_(@) | orthogonal_(@) | constant_(@, 1.0) | constant_(M, @)
sparse_(@, 0.1) | sparse_(M, @) | sparse_(M, 0.5, std=@) | dirac_(l.ones(2, 3, 2), groups=@) | uniform_(M, a=@)
uniform_(M, b=@) | normal_(M, mean=@) | normal_(M, std=@) | trunc_normal_(M, mean=@) | trunc_normal_(M, std=@)
trunc_normal_(M, a=@) | trunc_normal_(M, b=@) | xavier_uniform_(M, gain=@) | xavier_normal_(M, gain=@)
orthogonal_(M, gain=@) | kaiming_uniform_(M, a=@) | kaiming_uniform_(M, mode=@) | kaiming_uniform_(M, nonlinearity=@)
kaiming_normal_(M, a=@) | kaiming_normal_(M, mode=@) | kaiming_normal_(M, nonlinearity=@) | calculate_gain(@)
calculate_gain('leaky_relu', @)
"""
UTILS = """
weight_norm(L, @) | weight_norm(@) | weight_norm(L, dim=@) | remove_weight_norm(L, @) | remove_weight_norm(@)
spectral_norm(L, @) | spectral_norm(@) | spectral_norm(L, n_power_iterations=@) | spectral_norm(L, eps=@)
spectral_norm(L, dim=@) | remove_spectral_norm(L, @) | clip_grad_norm_(@, 1.0) | clip_grad_norm_(G, @)
clip_grad_norm_(G, 1.0, @) | clip_grad_value_(@, 1.0) | clip_grad_value_(G, @) | get_total_norm(@)
get_total_norm([l.ones(2)], @) | clip_grads_with_norm_(@, 1.0, l.tensor(1.0))
clip_grads_with_norm_(G, @, l.tensor(1.0))
clip_grads_with_norm_(G, 1.0, @) | parameters_to_vector(@) | vector_to_parameters(@, G) | skip_init(@)
vector_to_parameters(l.ones(2), @) | fuse_conv_bn_eval(@, @) | fuse_linear_bn_eval(L, @)
stateless.functional_call(L, @, (l.ones(3),)) | l.func.functional_call(L, @, (l.ones(3),))
"""
PARAMETRIZE = """
parametrizations.weight_norm(L, @) | parametrizations.weight_norm(@) | parametrizations.weight_norm(L, dim=@)
parametrizations.spectral_norm(L, @) | parametrizations.spectral_norm(@) | parametrizations.spectral_norm(L, dim=@)
parametrizations.spectral_norm(L, n_power_iterations=@) | parametrizations.spectral_norm(L, eps=@)
parametrizations.orthogonal(L, @) | parametrizations.orthogonal(@) | parametrizations.orthogonal(L, orthogonal_map=@)
parametrizations.orthogonal(L, use_trivialization=@) | parametrize.register_parametrization(L, @, l.nn.Identity())
parametrize.register_parametrization(L, 'weight', @)
parametrize.register_parametrization(@, 'weight', l.nn.Identity())
parametrize.register_parametrization(L, 'weight', l.nn.Identity(), unsafe=@) | parametrize.is_parametrized(@)
parametrize.remove_parametrizations(L, @) | parametrize.remove_parametrizations(@, 'weight')
parametrize.remove_parametrizations(parametrizations.weight_norm(L), @) | parametrize.is_parametrized(L, @)
parametrize.remove_parametrizations(parametrizations.weight_norm(L), 'weight', @)
parametrize.is_parametrized(parametrizations.weight_norm(L), @)
"""
PRUNE = """
random_unstructured(L, 'weight', @) | random_unstructured(@, 'weight', 0.5) | l1_unstructured(L, 'weight', @)
l1_unstructured(@, 'weight', 0.5) | l1_unstructured(L, 'weight', 0.5, importance_scores=@) | is_pruned(@) | remove(L, @)
random_structured(L, 'weight', @, 0) | random_structured(L, 'weight', 0.5, @) | ln_structured(L, 'weight', @, 2, 0)
ln_structured(L, 'weight', 0.5, @, 0) | ln_structured(L, 'weight', 0.5, 2, @) | custom_from_mask(L, 'weight', @)
custom_from_mask(L, @, M) | remove(@, 'weight') | global_unstructured(@, L1Unstructured, amount=0.5)
global_unstructured([(L, 'weight')], @, amount=0.5) | global_unstructured([(L, 'weight')], L1Unstructured, amount=@)
global_unstructured([(L, @)], L1Unstructured, amount=0.5)
"""
RNN = """
pad_sequence(@) | pad_sequence([@]) | pad_sequence([l.ones(2), @]) | pad_sequence([l.ones(2)], @) | pack_sequence(@)
pad_sequence([l.tensor(1.0)]) | pad_sequence([l.ones(2)], padding_value=@) | pad_sequence([l.ones(2)], padding_side=@)
pack_sequence([@]) | pack_sequence([l.ones(2)], @) | pack_padded_sequence(@, [1]) | pack_padded_sequence(M, @)
pack_padded_sequence(M, [2, 2, 1], @) | pack_padded_sequence(M, [2, 2, 1], enforce_sorted=@) | pad_packed_sequence(@)
pad_packed_sequence(P, @) | pad_packed_sequence(P, padding_value=@) | pad_packed_sequence(P, total_length=@)
unpack_sequence(@) | unpad_sequence(@, l.tensor([1])) | unpad_sequence(l.ones(2, 2), @) | invert_permutation(@)
unpad_sequence(l.ones(2, 2), l.tensor([1, 2]), @) | PackedSequence(@, l.tensor([1])) | PackedSequence(l.ones(2), @)
"""
MODULE = """
L.type(@) | L.get_submodule(@) | L.get_parameter(@) | L.get_buffer(@) | L.apply(@) | L.train(@) | L.requires_grad_(@)
L.load_state_dict(@) | L.set_submodule(@, R) | L.add_module(@, R) | L.register_module(@, R) | S.add_module('0', @)
S.set_submodule('0', @) | L.register_parameter(@, None) | L.register_parameter('q', @) | L.register_buffer(@, None)
L.register_buffer('q', @)
"""
CONTAINERS = """
l.nn.Sequential(@) | l.nn.Sequential({'a': @}) | l.nn.Sequential({'a': L}) | l.nn.Sequential(R, @)
l.nn.Sequential(OrderedDict(a=@)) | l.nn.ModuleList(@) | l.nn.ModuleList([@]) | l.nn.ModuleList({'a': @})
l.nn.ModuleDict(@) | l.nn.ModuleDict([@]) | l.nn.ModuleDict({'a': @}) | l.nn.ModuleDict([('a', @)])
l.nn.ParameterList(@) | l.nn.ParameterList([@]) | l.nn.ParameterList({'a': @}) | l.nn.ParameterDict(@)
l.nn.ParameterDict([@]) | l.nn.ParameterDict({'a': @}) | l.nn.ParameterDict([('a', @)]) | l.nn.ParameterDict({0: 1})
S[@] | S.__setitem__(@, R) | S.__setitem__(0, @) | S.__delitem__(@) | @ in S | ML[@] | ML.__setitem__(@, R)
ML.__setitem__(0, @) | ML.__delitem__(@) | @ in ML | MD[@] | MD.__setitem__(@, R) | MD.__setitem__('a', @)
MD.__delitem__(@) | @ in MD | PL[@] | PL.__setitem__(@, R) | PL.__setitem__(0, @) | PL.__delitem__(@) | @ in PL | PD[@]
PD.__setitem__(@, R) | PD.__setitem__('a', @) | PD.__delitem__(@) | @ in PD | S.append(@) | S.extend(@) | S.extend([@])
S.insert(@, R) | S.insert(0, @) | S.pop(@) | S + @ | iadd(S, @) | ML.append(@) | ML.extend(@) | ML.extend([@])
ML.insert(@, R) | ML.insert(0, @) | ML.pop(@) | ML + @ | iadd(ML, @) | S * @ | @ * S | imul(S, @) | MD.update(@)
MD.update({'q': @}) | MD.update([@]) | MD.pop(@) | PD.update(@) | PD.update({'q': @}) | PD.update([@]) | PD.pop(@)
PD.get(@) | PD.get('q', @) | PD.setdefault(@) | PD.setdefault('q', @) | PD.fromkeys(@) | PD.fromkeys(['q'], @) | PD | @
@ | PD | ior(PD, @) | PD.__or__(@) | PL.append(@) | PL.extend(@) | PL.extend([@]) | iadd(PL, @) | PL + @
l.nn.ParameterDict().popitem() | l.nn.ModuleDict().pop('a') | l.nn.Sequential().pop(0) | l.nn.ModuleList().pop(-1)
"""
PREFIXES = {"nn.init.": INIT, "nn.utils.": UTILS, "nn.utils.:": PARAMETRIZE, "nn.utils.prune.": PRUNE,
            "nn.utils.rnn.": RNN, "": MODULE, ":": CONTAINERS}  # fmt: skip

# Programs, or a single wrong value in them, on which the libraries differ.
EXCUSED = {
    "ML.insert(0, @)": "PyTorch accepts anything, and fails at the next call",
    "ML.insert(-1, R)": "PyTorch asks for an entry '-1'",
    "clip_grad_value_([], 1.0)": "PyTorch's kernel requires at least one gradient",
    "clip_grad_value_({}, 1.0)": "PyTorch's kernel requires at least one gradient",
    "clip_grad_value_(l.ones(2), 1.0)": "PyTorch's kernel requires at least one gradient",
    "clip_grad_value_(l.ones(2, 3), 1.0)": "PyTorch's kernel requires at least one gradient",
    "ln_structured(L, 'weight', True, 2, 0)": "PyTorch counts True as 1 in this one method",
    "ln_structured(L, 'weight', 0.5, @, 0)": "PyTorch has norms with names, and treats None as 2",
    "stateless.functional_call(L, [], (l.ones(3),))": "PyTorch accepts a list of dicts only in torch.func",
    "pack_sequence({})": "PyTorch reports that an empty dict is empty, not that it is a dict",
}


def programs() -> list[tuple[str, str]]:
    """Return pairs of a prefix and a program from the tables above."""
    found = []
    for prefix, text in PREFIXES.items():
        for line in text.strip().splitlines():
            # "PD | @" and "@ | PD" are programs; other bars separate programs.
            line = line.replace("PD | @", "PD.__or__(@)").replace("@ | PD", "or_(@, PD)")
            found += [(prefix.rstrip(":"), each.strip()) for each in line.split(" | ")]
    return found


class World(dict[str, Any]):
    """The names that a program may use, in one library; layers are made anew at each use."""

    def __init__(self, lib: Any, prefix: str) -> None:
        super().__init__(l=lib, object=object, float=float, OrderedDict=OrderedDict, iadd=operator.iadd,
                         imul=operator.imul, ior=operator.ior, or_=operator.or_)  # fmt: skip
        self.lib, self.prefix = lib, prefix

    def __missing__(self, name: str) -> Any:
        lib, nn = self.lib, self.lib.nn
        if name in MADE:
            return MADE[name](lib, nn)
        place = lib
        for word in self.prefix.split(".")[:-1]:
            place = getattr(place, word)
        return getattr(place, name)


def with_gradient(lib: Any) -> list[Any]:
    parameter = lib.nn.Parameter(lib.ones(2))
    parameter.grad = lib.ones(2) * 3
    return [parameter]


MADE: dict[str, Any] = {
    "L": lambda lib, nn: nn.Linear(3, 2),
    "R": lambda lib, nn: nn.ReLU(),
    "M": lambda lib, nn: lib.ones(2, 3),
    "G": lambda lib, nn: with_gradient(lib),
    "P": lambda lib, nn: nn.utils.rnn.pack_sequence([lib.ones(2)]),
    "S": lambda lib, nn: nn.Sequential(nn.Linear(3, 2), nn.ReLU()),
    "ML": lambda lib, nn: nn.ModuleList([nn.Linear(3, 2), nn.ReLU()]),
    "MD": lambda lib, nn: nn.ModuleDict({"a": nn.Linear(3, 2)}),
    "PL": lambda lib, nn: nn.ParameterList([lib.ones(2)]),
    "PD": lambda lib, nn: nn.ParameterDict({"a": lib.ones(2)}),
}


def outcome(lib: Any, prefix: str, program: str) -> Any:
    try:
        return eval(program, {"__builtins__": {}}, World(lib, prefix))
    except Exception as error:
        return error


@pytest.mark.parametrize(("prefix", "program"), programs(), ids=[program for _, program in programs()])
def test_a_wrong_value_has_pytorchs_result_or_error_class(prefix: str, program: str) -> None:
    torch = pytest.importorskip("torch")
    for module in ("prune", "parametrize", "parametrizations", "rnn"):
        __import__(f"torch.nn.utils.{module}")
    faults = []
    for wrong in WRONG if "@" in program else [""]:
        written = program.replace("@", wrong)
        if program in EXCUSED or written in EXCUSED:
            continue
        theirs, ours = outcome(torch, prefix, written), outcome(mt, prefix, written)
        if isinstance(theirs, Exception) != isinstance(ours, Exception) or (
            isinstance(theirs, Exception) and not isinstance(ours, type(theirs))
        ):
            faults.append(f"{written}: {ours!r:.110}, PyTorch {theirs!r:.110}")
    assert not faults, "\n".join(faults)


def test_merging_two_dicts_keeps_the_order_of_the_first() -> None:
    held = mt.nn.ParameterDict([("b", 1), ("a", 2)])
    assert list(held | {"d": 3, "c": 4}) == ["b", "a", "c", "d"]
    assert list({"z": 0} | held) == ["z", "b", "a"]
    assert list(held.fromkeys(["q", "p"], 5).items()) == [("q", 5), ("p", 5)]
