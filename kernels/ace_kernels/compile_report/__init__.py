"""The compile gate: every launch of the Triton kernels, compiled for every chip and checked, without a GPU."""
