"""How messages of the started processes are handled; real processes: tests/training/test_together.py."""

from multiprocessing import Pipe
from types import SimpleNamespace

import pytest

from singerid.errors import SingeridError
from singerid.system.launching import Member, watch_crew
from singerid.system.nodes import EndedElsewhereError, Meeting, Node, Place

ALONE = Meeting(Node(), Place(), None)


def crew(*said, exits=(None, None)):
    """Processes that have sent messages and, if an exit code is given, have ended."""
    members = []
    for number, (messages, code) in enumerate(zip(said, exits, strict=True)):
        connection, theirs = Pipe()
        for message in messages:
            theirs.send(message)
        process = SimpleNamespace(join=lambda *_: None, exitcode=code, pipe=theirs)
        if code is not None:
            theirs.close()
        members.append(Member(number, process, connection))
    return members


def error_of(*said, exits=(None, None), met=ALONE):
    with pytest.raises(SingeridError) as caught:
        watch_crew(crew(*said, exits=exits), met, lambda _: None)
    return str(caught.value)


def test_messages_are_received_until_all_are_done():
    heard = []
    watch_crew(crew([("told", 1), ("told", 2), ("done", "")], [("done", "")]), ALONE, heard.append)
    assert heard == [1, 2]


def test_the_killed_process_is_named_even_if_others_report_errors_first():
    lost = ("lost", "RuntimeError: [gloo] Connection closed by peer")
    message = error_of([lost], [], exits=(1, -9))
    assert message == (
        "process 2 of the 2 that work together was ended (SIGKILL, perhaps because memory ran out), so the "
        "others were ended too: what was saved is kept; run the same command again to go on"
    )
    assert "was ended (exit code 3)" in error_of([lost], [], exits=(None, 3))


def test_a_singerid_error_is_reported_unchanged_and_once():
    failed = ("failed", "run: the loss is not finite")
    assert error_of([failed], [failed]) == "run: the loss is not finite"
    assert error_of([("lost", "DistError: gone")], [failed]) == "run: the loss is not finite"


def test_an_unexpected_error_is_one_line():
    broken = ("broken", "ValueError: no such thing")
    message = error_of([("lost", "DistError: gone")], [broken])
    assert message.endswith("together failed: unexpected ValueError: no such thing; `debug=True` shows where")


def test_a_process_that_lost_another_machine_reports_that_machines_error():
    class Elsewhere(Meeting):
        def ended_elsewhere(self):
            return "mars: a process was ended"

    met = Elsewhere(Node(0, 2), Place(), None)
    lost = ("lost", "DistError: gone")
    with pytest.raises(EndedElsewhereError, match="mars: a process was ended"):
        watch_crew(crew([lost], [lost], exits=(1, 1)), met, lambda _: None)
    message = error_of([lost], [lost], exits=(1, 1))
    assert "process 1 of the 2 that work together lost the connection to the others (DistError)" in message
