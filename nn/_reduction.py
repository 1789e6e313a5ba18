"""PyTorch's path of the words for how a loss is reduced, and of the former arguments for it."""

from minitensor.nn.functional.reduction import get_enum as get_enum
from minitensor.nn.functional.reduction import legacy_get_enum as legacy_get_enum
from minitensor.nn.functional.reduction import legacy_get_string as legacy_get_string
