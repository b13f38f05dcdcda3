"""A cluster is checked before it is given work; errors are one line."""

import socket
from typing import Any

import pytest

from singerid.errors import SingeridError
from singerid.system.on_ray import packed
from singerid.system.ray_cluster import Spread, cluster, room_for, versions


class Machines:
    """Stands for ray: machines with these CPUs and GPUs."""

    def __init__(self, *machines: tuple[float, float]) -> None:
        self._machines = machines

    def nodes(self) -> list[dict[str, Any]]:
        gone = {"Alive": False, "Resources": {"CPU": 512.0}, "NodeManagerHostname": "gone"}
        there = [
            {"Alive": True, "Resources": {"CPU": cpus, "GPU": gpus}, "NodeManagerHostname": f"m{number}"}
            for number, (cpus, gpus) in enumerate(self._machines)
        ]
        return [gone, *there]


@pytest.mark.parametrize(
    ("machines", "spread", "room"),
    [
        ([(2, 0)], Spread(), 2),
        ([(2, 0), (3, 0)], Spread(threads=2), 2),
        ([(16, 1), (16, 0)], Spread(gpus=1), 1),
        ([(16, 1), (16, 2)], Spread(gpus=0.5), 6),
        ([(2, 4)], Spread(gpus=0.25), 2),
        ([(64, 0)], Spread(workers=5), 5),
        ([(4, 0)], Spread(workers=5), 4),
    ],
)
def test_there_are_as_many_workers_as_there_is_room_for(machines, spread, room):
    assert room_for(Machines(*machines), spread) == room


@pytest.mark.parametrize(
    ("machines", "spread", "message"),
    [
        ([(2, 0), (8, 0)], Spread(gpus=1), r"no machine of the cluster has a GPU \(m0, m1\); leave it out"),
        ([(2, 0)], Spread(threads=4), r"no machine of the cluster \(m0\) has 4 CPUs for a worker"),
        ([(2, 1)], Spread(gpus=2), r"\(m0\) has 1 CPU and 2 of a GPU for a worker"),
    ],
)
def test_what_no_machine_has_is_one_line(machines, spread, message):
    with pytest.raises(SingeridError, match=message):
        room_for(Machines(*machines), spread)


def test_a_share_of_gpus_is_whole_or_part_of_one():
    with pytest.raises(SingeridError, match="whole number, or a fraction below 1"):
        Spread(gpus=1.5)


def test_rays_client_is_refused_where_ray_data_works():
    """Ray Data 2.60 ends there with an AttributeError and a page of text."""
    with pytest.raises(SingeridError, match=r"`ray='ray://head:10001'`: Ray Data does not run through"):
        Spread("ray://head:10001")


def test_an_address_where_nothing_listens_is_one_line():
    pytest.importorskip("ray", reason="the extra [scale] is not installed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
            with pytest.raises(SingeridError, match="no Ray cluster answers there"), cluster(address):
                pass


def test_versions_leave_out_the_build_of_torch():
    assert set(versions()) == {"singerid", "Python", "torch"}
    assert "+" not in versions()["torch"]


def test_loads_are_of_about_the_same_length_the_longest_first():
    lengths = [float(10 + 7 * n % 300) for n in range(400)]
    loads = packed(range(400), lengths, workers=2)
    assert sorted(item for load in loads for item in load) == list(range(400))
    weights = [sum(lengths[item] for item in load) for load in loads]
    wanted = sum(lengths) / 32
    assert all(wanted <= weight < wanted + max(lengths) for weight in weights[:-1])
    firsts = [lengths[load[0]] for load in loads]
    assert firsts == sorted(firsts, reverse=True)


def test_a_load_is_never_longer_than_an_hour_or_500_files():
    assert max(map(len, packed(range(5000), [0.0] * 5000, 1))) == 500
    hours = packed(range(2000), [1000.0] * 2000, 1)
    assert {len(load) for load in hours} == {4}
    assert packed([], [], 2) == []
