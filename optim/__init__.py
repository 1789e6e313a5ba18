"""Optimizers: rules that change parameters by their gradients, and schedules for their learning rates."""

from minitensor.optim import lr_scheduler
from minitensor.optim.adam import Adam
from minitensor.optim.adamw import AdamW
from minitensor.optim.optimizer import Optimizer
from minitensor.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
