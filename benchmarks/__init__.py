"""Benchmarks against PyTorch: ``python -m benchmarks [overhead] [steps] [kernels]``, or ``make bench``.

How to read the figures. Each library runs in a process of its own with the same number of threads, and the two take
turns: a short sample of ours, one of PyTorch's, and again. A sample is the fastest of its batches of calls, the one
that other programs disturbed least; a time is the fastest sample. A *ratio* is ours/PyTorch of neighbouring samples, so
below 1 we are faster; printed is the median over the turns, and in brackets the smallest and the largest. Where the
brackets are wide the machine was busy: ask for more ``--seconds``, or believe only what is larger than the brackets.
On a busy machine two threads wait for each other, each library in its own way: ``--threads 1`` is steadier. Never
compare times of two runs; compare ratios.

In ``overhead`` a third side takes turns, the same work in bare NumPy calls: *over NumPy* is what our call costs beyond
it, fastest less fastest. Beside it stands the limit that the recorders promise to an idle machine; ``!`` marks what is
above, and ``--strict`` makes that a failure.

Without PyTorch there are only our times. What the library does not have yet is skipped, with the reason.
"""
