"""The paper's tables, and one of our own, as experiments: run, resumed and set beside the published values.

tables.py    which networks each table compares, under which conditions: what is to be run
published.py the values that were published
checks.py    settings of no use; folder.py: the folder of it all; planning.py: what is left to be run
running.py   one cell after the other on this machine; cluster.py: the same on a Ray cluster
results.py   what a finished cell leaves behind
summary.py   from results to the numbers of a table; rendering.py: from these to pages and files
"""
