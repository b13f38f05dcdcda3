"""Which rows of a batch each process has."""

import pytest

from singerid.system.ranks import ALONE, Ranks


@pytest.mark.parametrize(("devices", "nodes"), [(1, 1), (2, 1), (3, 2)])
@pytest.mark.parametrize("count", [6, 7, 11, 16, 100])
def test_together_they_have_every_row_once(devices, nodes, count):
    ranks = [Ranks(number, devices, nodes) for number in range(devices * nodes)]
    parts = [list(range(count))[each.rows(count)] for each in ranks]
    assert [row for part in parts for row in part] == list(range(count))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


def test_if_there_are_fewer_rows_than_processes_each_gets_all_rows():
    assert [Ranks(number, 3).rows(2) for number in range(3)] == [slice(0, 2)] * 3
    assert ALONE.rows(1) == slice(0, 1)
