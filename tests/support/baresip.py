"""baresip as an independent phone: registers with a line, answers by itself, plays a tone, records."""

import asyncio
from array import array
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from core.media.tones import hears, tone, write_wav
from tests.support.free_ports import free_port

_MODULES = [Path("/usr/lib/baresip/modules"), *Path("/usr/lib").glob("*/baresip/modules")]

_WAV_HEADER = 44

_CONFIG = """
sip_listen 127.0.0.1:{sip}
audio_player aufile,{folder}/player.wav
audio_source aufile,{folder}/source.wav
audio_alert aufile,{folder}/alert.wav
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp}-{rtp_end}
module_path {modules}
module g711.so
module aufile.so
module sndfile.so
module_app account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}
{more}
"""


class Baresip:
    """A running baresip."""

    def __init__(self, folder, process, control):
        self.folder = folder
        self.process = process
        self.control = control

    async def until(self, text, seconds=30):
        """Wait until the phone says this in its log."""
        log = self.folder / "log"
        async with asyncio.timeout(seconds):
            while text not in log.read_text(errors="replace"):
                if self.process.returncode is not None:
                    raise AssertionError(f"baresip ended:\n{log.read_text(errors='replace')}")
                await asyncio.sleep(0.05)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    async def command(self, name, params=""):
        """A command on its control socket (netstring with JSON)."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control)
        body = f'{{"command":"{name}","params":"{params}","token":"t"}}'.encode()
        writer.write(str(len(body)).encode() + b":" + body + b",")
        await writer.drain()
        async with asyncio.timeout(30):
            await reader.readuntil(b",")
        writer.close()

    def heard(self):
        """What the phone's earpiece got so far, as its own recorder wrote it down.

        The header of the file tells its length only once the call is over, hence the raw samples.
        """
        samples = array("h")
        for path in self.folder.glob("dump-*-dec.wav"):
            data = path.read_bytes()[_WAV_HEADER:]
            samples.frombytes(data[: len(data) // 2 * 2])
        return samples

    async def until_heard(self, frequency, seconds, patience=60):
        """Wait until the phone has heard a tone for so long."""
        async with asyncio.timeout(patience):
            while not hears(self.heard(), frequency, seconds):
                await asyncio.sleep(0.1)


@asynccontextmanager
async def baresip(login, password, domain, server, frequency=600, by="udp", more="", account=""):
    """A phone registered with a line ``by`` udp, tcp or tls; it plays ``frequency`` when in a call.
    ``more`` are further lines of its configuration, ``account`` further parameters of its account."""
    with TemporaryDirectory(prefix="baresip-") as name:
        folder = Path(name)
        sip = free_port("127.0.0.1", span=2)  # TLS is at the second one
        control, rtp = free_port("127.0.0.1"), free_port("127.0.0.1", span=10)
        modules = next(path for path in _MODULES if path.is_dir())
        rtp += rtp % 2
        config = _CONFIG.format(
            sip=sip,
            folder=folder,
            rtp=rtp,
            rtp_end=rtp + 8,
            modules=modules,
            control=control,
            more=more,
        )
        (folder / "config").write_text(config)
        (folder / "contacts").write_text("")
        outbound = f"sip:{server[0]}:{server[1]};transport={by}"
        (folder / "accounts").write_text(
            f"<sip:{login}@{domain}>;auth_user={login};auth_pass={password};answermode=auto;"
            f'outbound="{outbound}";regint=60;audio_codecs=PCMA/8000/1,PCMU/8000/1{account}\n'
        )
        write_wav(folder / "source.wav", tone(frequency, 60))
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                "baresip", "-f", str(folder), stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
            )
        phone = Baresip(folder, process, control)
        try:
            yield phone
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 10)
                except TimeoutError:
                    process.kill()
                    await process.wait()
