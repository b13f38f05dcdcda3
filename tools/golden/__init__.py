"""The parts of `tools/same_results.py`: where the two versions are, their steps, and the comparison.

No module here imports singerid: two versions of it run, each in its own processes.
"""
