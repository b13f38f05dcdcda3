"""Training: one loop on Lightning Fabric (`loop`), and what surrounds it.

Kuo, Wei and Lin (AAAI 2021), "Evaluation Protocols", and the authors' program where the paper is
silent. An interrupted run goes on after its last whole epoch and reaches the same weights, bit for bit
on a CPU with the same number of threads, because the randomness of an epoch depends on (seed, epoch) alone.
"""
