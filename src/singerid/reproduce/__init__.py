"""The paper's tables, and our own, as experiments: run, resumed and compared with the published values.

tables.py     which networks each table compares, under which conditions, and what was published
protocols.py  from a cell to a run's configuration: as in the paper, or as in its authors' program
plan.py       checks the settings, and finds the cells that are left to run
cell.py       one cell: trained, scored, kept; on_ray.py: cells on a Ray cluster
run.py        runs everything, in the folder OUT; smoke.py: on a tiny corpus; progress.py: shows progress
results.py    the results of a finished cell
summary.py    from results to the numbers of a table
report.py     the texts of a report; rendering.py: the report as pages and files
"""
