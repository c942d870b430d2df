"""What each part of a role shows in ``/metrics``; ``docs/operations.md`` lists it all, and a test holds
the two together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.bus import EventBus
from core.call.moment import Moment
from core.call.switchboard import Switchboard
from core.host import Host
from core.media.server import RtpengineServer, ServerState
from core.metrics import Reading, register
from core.sip.endpoint import Endpoint
from core.trunk.board import TrunkState
from core.trunk.keeper import TrunkKeeper
from tenants.callstore import DatabaseCallStore
from tenants.directory import MemoryDirectory
from tenants.recordingroom import DiskRoom
from tenants.recordings import RecordingMaker

__all__ = ["calls", "carriers", "directory", "media", "recorded", "recordings", "records"]


def carriers(keeper: TrunkKeeper) -> None:
    """How each carrier is."""

    def by_name(value: Callable[[TrunkState], float | None]) -> Callable[[], dict[str, float]]:
        def read() -> dict[str, float]:
            found = ((state.name, value(state)) for state in keeper.states())
            return {name: number for name, number in found if number is not None}

        return read

    def gauge(name: str, meaning: str, value: Callable[[TrunkState], float | None]) -> Reading:
        return Reading(f"sunsim_trunk_{name}", meaning, by_name(value), label="trunk")

    register(
        gauge("up", "Carriers: 1 if calls can be sent there.", lambda state: float(state.up)),
        gauge("registered", "Carriers where we register: 1 if we are.", lambda state: state.registered),
        gauge("calls", "Channels taken, both ways.", lambda state: state.calls),
    )


def media(server: RtpengineServer) -> None:
    """How each rtpengine is."""

    def of(
        name: str, meaning: str, value: Callable[[ServerState], float], *, counter: bool = False
    ) -> Reading:
        def read() -> dict[str, float]:
            return {state.name: value(state) for state in server.servers()}

        return Reading(f"sunsim_media_{name}", meaning, read, label="server", counter=counter)

    register(
        of("up", "rtpengines: 1 if it answers.", lambda s: s.up),
        of("draining", "1 if it gets no new calls.", lambda s: s.draining),
        of("calls", "Calls of ours at this rtpengine.", lambda s: s.calls),
        of("sessions", "All calls of this rtpengine.", lambda s: s.reported.sessions),
        of("transcoded", "Streams being transcoded.", lambda s: s.reported.transcoded),
        of("ports_used", "RTP ports in use.", lambda s: s.reported.ports_used),
        of("ports", "RTP ports it has.", lambda s: s.reported.ports_total),
        of("failures", "Requests without an answer.", lambda s: s.failures, counter=True),
        of("full", "Calls refused for want of ports.", lambda s: s.full, counter=True),
    )


def directory(known: MemoryDirectory) -> None:
    """How the configuration in memory is kept up."""
    register(
        Reading(
            "sunsim_directory_comparisons",
            "How often the configuration in memory was compared with the database.",
            lambda: known.comparisons,
            counter=True,
        )
    )


def calls(switchboard: Switchboard, endpoint: Endpoint, bus: EventBus, host: Host) -> None:
    """Calls, and the SIP below them."""
    stats = endpoint.stats

    def counter(name: str, meaning: str, read: Callable[[], Any], label: str = "") -> Reading:
        return Reading(f"sunsim_{name}", meaning, read, label=label, counter=True)

    moment = switchboard.moment
    register(
        Reading("sunsim_calls", "Calls in progress.", lambda: switchboard.calls),
        Reading("sunsim_sip_sessions", "Legs of calls: INVITE usages.", lambda: endpoint.sessions),
        Reading("sunsim_sip_dialogs", "Legs with a dialog.", lambda: endpoint.dialogs),
        Reading("sunsim_sip_transactions", "Transactions remembered.", lambda: endpoint.transactions),
        Reading(
            "sunsim_sip_connections",
            "Connections by transport.",
            lambda: endpoint.connections,
            label="transport",
        ),
        Reading("sunsim_sip_lines", "Lines with a phone.", lambda: endpoint.registered_lines),
        Reading(
            "sunsim_sip_registrations",
            "Phones registered, by transport.",
            lambda: endpoint.registrations,
            label="transport",
        ),
        counter("calls_ended", "Ended calls by outcome.", lambda: switchboard.finished, "outcome"),
        counter("calls_media_lost", "Calls whose rtpengine died.", lambda: switchboard.lost_media),
        counter("calls_media_moved", "Moved to another rtpengine.", lambda: moment.moved_media),
        counter("calls_refused", "Calls without a record.", lambda: switchboard.rejected, "reason"),
        counter("sip_requests", "Requests received.", lambda: stats.requests, "method"),
        counter("sip_responses", "Responses received.", lambda: stats.responses, "status"),
        counter("sip_dropped", "Messages without an answer.", lambda: stats.dropped, "cause"),
        counter("sip_refused", "Requests refused.", lambda: stats.refused, "status"),
        counter("sip_retransmitted", "Messages sent again.", lambda: stats.retransmitted),
        counter("sip_shed", "Requests told to come back later.", lambda: stats.shed, "reason"),
        counter("sip_bans", "Bans after wrong passwords.", lambda: stats.banned),
        Reading("sunsim_sip_banned", "Bans that last now.", endpoint.banned),
        Reading("sunsim_loop_lag_seconds", "How late the loop was just now.", lambda: endpoint.lag),
        counter("sip_retransmitted_by_peer", "Received again.", lambda: stats.retransmitted_by_peer),
        counter("sip_timeouts", "Requests of ours without an answer.", lambda: stats.timeouts),
        counter("sip_challenges", "Requests asked for credentials.", lambda: stats.challenges),
        counter("sip_logins", "Right credentials.", lambda: stats.logins),
        counter("sip_failed_logins", "Wrong credentials.", lambda: stats.failed_logins),
        counter("events_dropped", "Events not delivered to plugins.", lambda: bus.dropped),
        counter("plugin_faults", "Faults of plugins.", lambda: host.fault_counts, "plugin"),
    )


def recorded(moment: Moment, room: DiskRoom) -> None:
    """What is recorded, and what is not for want of something."""
    register(
        Reading(
            "sunsim_recording_parts",
            "Parts of recordings that began (started), and others by why they did not.",
            lambda: moment.recordings,
            label="what",
            counter=True,
        ),
        Reading("sunsim_recording_free_bytes", "Free space for recordings.", room.free),
    )


def recordings(maker: RecordingMaker) -> None:
    """How far the making of sound is behind."""
    meaning = "Recordings that wait for their sound, or got none."
    register(Reading("sunsim_recordings", meaning, lambda: maker.states, label="state"))


def records(store: DatabaseCallStore) -> None:
    """How far the records of calls are behind."""
    register(
        Reading("sunsim_call_records_waiting", "Records on their way.", lambda: store.waiting),
        Reading("sunsim_journal_bytes", "Records that wait for the database.", store.journalled),
    )
