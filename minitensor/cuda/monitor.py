"""What NVIDIA's driver measures of a GPU: load, memory, temperature, power and clock, through nvidia-ml-py."""

from __future__ import annotations

from typing import Any

from minitensor.cuda import devices
from minitensor.errors import MissingMonitorError


def driver() -> Any:
    """Return the package of NVIDIA's driver, ready to use."""
    try:
        import pynvml
    except ImportError as error:
        raise MissingMonitorError("nvidia-ml-py does not seem to be installed; pip install nvidia-ml-py") from error
    pynvml.nvmlInit()
    return pynvml


def handle_of(found: Any, device: Any) -> Any:
    """Return the driver's handle of a GPU, which it finds by its place on the bus: its order is another one."""
    place = devices.library().runtime.deviceGetPCIBusId(devices.number_of(device))
    return found.nvmlDeviceGetHandleByPciBusId(place.encode())


def utilization(device: Any = None) -> int:
    """Return the percentage of the last second or less in which a GPU worked.

    Raises:
        ModuleNotFoundError: If nvidia-ml-py is not installed.
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.
        ValueError: If ``device`` is not a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.utilization()  # doctest: +SKIP
    """
    found = driver()
    return int(found.nvmlDeviceGetUtilizationRates(handle_of(found, device)).gpu)


def memory_usage(device: Any = None) -> int:
    """Return the percentage of the last second or less in which a GPU used memory.

    Raises:
        ModuleNotFoundError: If nvidia-ml-py is not installed.
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.
        ValueError: If ``device`` is not a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.memory_usage()  # doctest: +SKIP
    """
    found = driver()
    return int(found.nvmlDeviceGetUtilizationRates(handle_of(found, device)).memory)


def device_memory_used(device: Any = None) -> int:
    """Return the bytes of a GPU's memory that all processes use.

    Raises:
        ModuleNotFoundError: If nvidia-ml-py is not installed.
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.
        ValueError: If ``device`` is not a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.device_memory_used()  # doctest: +SKIP
    """
    found = driver()
    return int(found.nvmlDeviceGetMemoryInfo(handle_of(found, device)).used)


def temperature(device: Any = None) -> int:
    """Return the temperature of a GPU in degrees Celsius.

    Raises:
        ModuleNotFoundError: If nvidia-ml-py is not installed.
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.
        ValueError: If ``device`` is not a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.temperature()  # doctest: +SKIP
    """
    found = driver()
    return int(found.nvmlDeviceGetTemperature(handle_of(found, device), found.NVML_TEMPERATURE_GPU))


def power_draw(device: Any = None) -> int:
    """Return the power that a GPU draws, in milliwatts.

    Raises:
        ModuleNotFoundError: If nvidia-ml-py is not installed.
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.
        ValueError: If ``device`` is not a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.power_draw()  # doctest: +SKIP
    """
    found = driver()
    return int(found.nvmlDeviceGetPowerUsage(handle_of(found, device)))


def clock_rate(device: Any = None) -> int:
    """Return the clock of a GPU's processors in megahertz.

    Raises:
        ModuleNotFoundError: If nvidia-ml-py is not installed.
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.
        ValueError: If ``device`` is not a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.clock_rate()  # doctest: +SKIP
    """
    found = driver()
    return int(found.nvmlDeviceGetClockInfo(handle_of(found, device), found.NVML_CLOCK_SM))


def list_gpu_processes(device: Any = None) -> str:
    """Return a line for each process on a GPU, with the memory that it uses, or what is missing to tell.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.
        ValueError: If ``device`` is not a GPU.

    >>> import minitensor as torch
    >>> print(torch.cuda.list_gpu_processes())  # doctest: +SKIP
    pynvml module not found, please install nvidia-ml-py
    """
    try:
        found = driver()
    except MissingMonitorError:
        return "pynvml module not found, please install nvidia-ml-py"
    running = found.nvmlDeviceGetComputeRunningProcesses(handle_of(found, device))
    lines = [f"process {each.pid:>10d} uses {each.usedGpuMemory / 2**20:>12.3f} MB GPU memory" for each in running]
    return "\n".join([f"GPU:{devices.number_of(device)}", *(lines or ["no processes are running"])])
