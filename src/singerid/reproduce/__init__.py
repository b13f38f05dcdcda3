"""The paper's tables, and one of our own, as experiments: run, resumed and set beside the published values.

tables.py     which networks each table compares, under which conditions, and what was published
protocols.py  from a cell to a run's configuration: the paper's word, or its authors' program's
plan.py       settings of no use, and what is left to be run
cell.py       one cell: trained, scored, kept; on_ray.py: cells on a Ray cluster
run.py        all of it, in the folder OUT; smoke.py: on a tiny corpus; progress.py: how far it is
results.py    what a finished cell leaves behind
summary.py    from results to the numbers of a table
report.py     what is said of them; rendering.py: the same as pages and files
"""
