"""How the processes of `make test` share the tests."""

from pathlib import PurePath

from xdist.scheduler import LoadScopeScheduling

#: Folders whose tests share a scene that is costly to make.
SCENES = ("attacks", "faults", "pilot", "websocket")


class Scenes(LoadScopeScheduling):
    """A process takes a file of tests at a time, or all that share a scene.

    pytest-xdist 3.8 has `--dist loadgroup` for this, which does nothing with pytest 9.2, where ids are made otherwise.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = PurePath(nodeid.partition("::")[0])
        return str(file.parent if file.parent.name in SCENES else file)
