"""Benchmarks against PyTorch: ``python -m benchmarks [PART] ...``, or ``make bench``.

How to read the figures. Each library runs in its own process with the same number of threads, and the two take turns:
a short sample of minitensor, one of PyTorch, and so on. A sample is the fastest of several batches of calls, the one
that other programs disturbed least; a time is the fastest sample. A *ratio* is ours/PyTorch for neighboring samples, so
minitensor is faster where it is below 1. The report shows the median over the turns, and the minimum and maximum in
parentheses. If that range is wide, the machine was busy: increase ``--seconds``, or trust only differences larger than
the range. On a busy machine, threads wait for each other, and each library waits differently: ``--threads 1`` is
steadier. Never compare times from two runs; compare ratios.

minitensor has two columns where Numba is installed: NumPy alone, and *with fast*, where compiled kernels are switched
on (``torch.backends.fast``). Each is a process of its own and has its own ratio. ``--plain`` leaves out the second.

``memory`` and ``startup`` start a fresh process for each figure: the peak memory of three training steps beyond what
the libraries take, and the time from the start of Python to the end of the first step. For the latter, *compiling* has
an empty folder of compiled kernels, which the later processes read. ``sizes`` is cost against size: ten ops on 10^3 to
10^7 elements, ResNet-18 on 1 to 128 images and attention over 16 to 1024 steps; it also draws ``output/sizes.png``.

In ``overhead``, another process does the same work in bare NumPy calls: *over NumPy* is the extra cost of our call, the
difference between the fastest samples. Next to it is the limit that the recorders should meet on an idle machine; ``!``
marks a figure above its limit, and ``--strict`` makes that a failure.

``cliffs`` times every op of the tests' op table on about 10^6 elements, and its gradient, and lists what takes more
than five times as long as in PyTorch. It runs only if it is named; ``--seconds 0.1`` is enough to find cliffs.

Without PyTorch, only minitensor is timed. Cases that a library cannot run are skipped, with the reason.
"""
