"""Who asks: members of the victim and of the attacker, logged in once for all rows."""

from tests.attacks.scene import Scene
from tests.attacks.visitor import Visitor
from tests.live.tenants import shell


class People:
    """`sessions` use pages, `tokens` use the API. Names: "anonymous", "outsider" (the attacker's admin),
    "foreign pilot" (the attacker's), "viewer", "pilot", "operator", "admin" (the victim's), "superuser".
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.users = {
            "outsider": scene.b.users["admin"],
            "foreign pilot": scene.b.users["pilot"],
            **{role: scene.a.users[role] for role in ("viewer", "pilot", "operator", "admin")},
        }

        platform = scene.platform
        self.sessions = {name: Visitor(platform).log_in(user) for name, user in self.users.items()}
        self.sessions |= {"anonymous": Visitor(platform), "superuser": self._superuser()}
        self.sessions["anonymous"].ask("GET", "/login/")  # for a CSRF cookie
        self.tokens = {name: Visitor(platform).take_token(user) for name, user in self.users.items()}
        self.tokens |= {"anonymous": Visitor(platform)}

    def _superuser(self) -> Visitor:
        code = """
from workspaces.models import User
User.objects.create_superuser("root-of-the-attacks", password="root-of-the-attacks")
print(1)
"""
        shell(self.scene.platform, code)
        return Visitor(self.scene.platform).log_in(dict.fromkeys(("username", "password"), "root-of-the-attacks"))
