"""What the pages work with; the composition root makes one and hands it to ``web.host.build``."""

from __future__ import annotations

from core.host import Host
from core.media.prompts import Prompts
from core.ports import TenantDirectory
from core.settings import Settings
from tenants.db import Database
from tenants.listener import Listener
from tenants.secrets import Vault
from tenants.services.checks import Checks
from tenants.services.lines import LineIssuer
from tenants.services.media import Library
from tenants.services.readymade import ReadyMade
from tenants.services.recordings import Recordings
from tenants.services.throttle import LoginThrottle
from tenants.storage import RECORDINGS, Storage
from web.i18n import use_catalogues
from web.pages import Pages

__all__ = ["WebContext"]


class WebContext:
    """The parts of one web process; what it derives is the same in all processes and over restarts."""

    def __init__(
        self, settings: Settings, host: Host, vault: Vault, throttle: LoginThrottle | None = None
    ) -> None:
        self.settings = settings
        self.host = host
        self.issuer = LineIssuer(vault, settings.sip.domain)
        self._storage = Storage(settings.data.dir.resolve() / "sound")
        self.throttle = throttle or LoginThrottle()
        use_catalogues(
            owned.item.templates.parent / "locale" for owned in host.routes if owned.item.templates
        )
        self.csrf_secret = vault.derive("csrf").hex()
        self.pages = Pages(
            settings.http.brand,
            {
                owned.plugin: owned.item.templates
                for owned in host.routes
                if owned.item.templates is not None
            },
        )

    def attach(self, database: Database, directory: TenantDirectory, listener: Listener) -> None:
        """Give it what is opened only when the process starts; before the first request."""
        self.database = database
        self.directory = directory
        self.listener = listener
        self.checks = Checks(database)
        self.readymade = ReadyMade(database, Prompts(self.settings.data.library_folder))
        self.recordings = Recordings(database, Storage(self.settings.data.dir.resolve() / RECORDINGS))
        self.library = Library(database, self._storage, self.settings.data.sound_megabytes)

    @property
    def secure(self) -> bool:
        """Whether cookies may travel over TLS only."""
        return (self.settings.http.public_url or "").startswith("https:")
