"""Machines that compute together: how each gets its number, and how they meet. All run on this machine."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from singerid.errors import SingeridError
from singerid.system import nodes
from singerid.system.nodes import EndedElsewhereError, Node, meeting, this_node

SAID = {"singerid": "1.0", "--devices": "2"}


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(nodes, "_LEAVE_SECONDS", 1.0)
    monkeypatch.setattr(nodes, "_BEAT_SECONDS", 0.05)


def test_a_single_machine_is_the_first_and_needs_no_variables():
    assert this_node(1, {"NODE_RANK": "nonsense"}) == Node()
    with meeting(Node(), SAID) as met:
        met.beat()
        met.place.open().set("word", "said")
        assert met.place.open().get("word") == b"said"


SLURM = {"SLURM_NODEID": "1", "SLURM_NODELIST": "gpu[07-09]", "SLURM_JOB_ID": "1234567", "SLURM_LOCALID": "0"}
TORCHRUN = {"GROUP_RANK": "1", "LOCAL_WORLD_SIZE": "1", "TORCHELASTIC_USE_AGENT_STORE": "True"}
PLACE = {"MASTER_ADDR": "10.0.0.7", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (PLACE | {"NODE_RANK": "1"}, Node(1, 2, "10.0.0.7", 29500)),
        (PLACE | TORCHRUN, Node(1, 2, "10.0.0.7", 29500, kept=True)),
        (SLURM, Node(1, 2, "gpu07", 19567)),
        (SLURM | PLACE, Node(1, 2, "10.0.0.7", 29500)),
    ],
)
def test_the_environment_says_which_machine_it_is(environment, expected):
    assert this_node(2, environment) == expected


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {},
            r"`nodes=2`: MASTER_ADDR, MASTER_PORT, NODE_RANK is not set; set .* \(0 to 1\) on each machine",
        ),
        (PLACE, "NODE_RANK is not set"),
        (PLACE | {"NODE_RANK": "2"}, "NODE_RANK=2 is too large"),
        (PLACE | {"NODE_RANK": "one"}, "NODE_RANK=one: is not a number"),
        (PLACE | {"NODE_RANK": "1", "MASTER_PORT": "99999"}, "MASTER_PORT=99999 is not a port"),
        (PLACE | TORCHRUN | {"LOCAL_WORLD_SIZE": "4"}, "several commands were started on one machine"),
        (SLURM | {"SLURM_LOCALID": "1"}, "several commands were started on one machine"),
    ],
)
def test_missing_and_impossible_variables_are_named(environment, message):
    with pytest.raises(SingeridError, match=message):
        this_node(2, environment)
    with pytest.raises(SingeridError, match="`nodes` must be at least 1"):
        this_node(0, environment)


def both(port, first, second, said=(SAID, SAID), seconds=20.0):
    """The error (or None) of each of two machines that meet and run these functions."""

    def at(number, do):
        try:
            with meeting(Node(number, 2, "127.0.0.1", port), said[number], seconds) as met:
                do(met)
        except SingeridError as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(at, (0, 1), (first, second)))


def test_they_meet_and_part(port):
    assert both(port, lambda met: met.beat(), lambda met: met.beat()) == [None, None]


def test_other_versions_are_named_with_their_machine_on_both(port):
    errors = both(port, lambda _: None, lambda _: None, (SAID, SAID | {"singerid": "0.9"}))
    host = socket.gethostname()
    expected = f"{host} (NODE_RANK 1) has singerid 0.9, {host} has 1.0; all machines must have the same"
    assert [str(error) for error in errors] == [expected] * 2


def until_ended(met):
    while True:
        met.beat()


@pytest.mark.parametrize("number", [0, 1])
def test_the_error_of_one_machine_is_sent_to_the_other(port, number):
    def fail(_):
        raise SingeridError("a process was ended")

    does = [until_ended, until_ended]
    does[number] = fail
    errors = both(port, *does)
    assert str(errors[number]) == "a process was ended"
    assert isinstance(errors[1 - number], EndedElsewhereError)
    assert str(errors[1 - number]) == f"ended on {socket.gethostname()}: a process was ended"


def test_a_machine_without_a_sign_of_life_is_lost(port, monkeypatch):
    monkeypatch.setattr(nodes, "QUIET_SECONDS", 1.0)

    def silent(met):
        while not met.ended_elsewhere():
            pass

    errors = both(port, until_ended, silent)
    assert "the machine with NODE_RANK 1 gave no sign of life for 1 s" in str(errors[0])


def does_not_meet(number, port):
    with meeting(Node(number, 2, "127.0.0.1", port), SAID, seconds=1):
        pytest.fail("nobody else is there")


def test_machines_that_do_not_come_are_named_with_the_address(port):
    with pytest.raises(SingeridError, match=rf"1 came to 127\.0\.0\.1:{port} within 1 s; .*NODE_RANK=1 too"):
        does_not_meet(0, port)
    with pytest.raises(
        SingeridError, match=rf"127\.0\.0\.1:{port}: the first machine did not answer within 1"
    ):
        does_not_meet(1, port)


def test_a_port_that_is_taken_is_named():
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SingeridError, match=f"MASTER_PORT={port}: cannot be opened on this machine"):
            does_not_meet(0, port)
