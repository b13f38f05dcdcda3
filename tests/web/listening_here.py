"""Jobs of a server without its other processes: this one listens in their place."""

from singerid.system.children import ChildEndedError
from singerid.web import bench, decoding


class Here:
    """Does the work of a `Child` in this process; a file called poison ends it."""

    def __init__(self, begin, *_):
        self._begin, self._work = begin, None

    def ask(self, item, go_on=lambda: True):
        if "poison" in str(item[1]):
            raise ChildEndedError("its process crashed")
        self._work = self._work or self._begin()
        return self._work(item, lambda: None)

    def close(self):
        pass


def listen_here(monkeypatch) -> None:
    """Let this process listen from now on, until the test ends."""
    monkeypatch.setattr(bench, "Child", Here)
    monkeypatch.setattr(decoding, "load_plugin", lambda _: None)
    monkeypatch.setattr(decoding, "use_threads", lambda _: None)
