"""What `tools/same_results.py` is made of: where the two versions are, what they do, how it is compared.

None of it imports singerid: two versions of it run here, each in processes of its own.
"""
