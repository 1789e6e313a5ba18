"""``utils.model_zoo``: the old name of a part of ``hub``."""

from minitensor.compat.hub import load_state_dict_from_url as load_url
from minitensor.compat.hub import tqdm as tqdm

__all__ = ["load_url", "tqdm"]
