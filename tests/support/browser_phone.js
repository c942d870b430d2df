// The phone of browser_phone.py: SIP.js on one WebSocket, an oscillator for a microphone, and an
// analyser for an ear. Playwright calls `phone`.
import { Inviter, Registerer, RegistererState, SIPExtension, SessionState, UserAgent, Web } from "/sip.js/lib/index.js";

const audio = new AudioContext();

function microphone(frequency) {
  const source = new OscillatorNode(audio, { frequency });
  const volume = new GainNode(audio, { gain: 0.3 });
  const target = audio.createMediaStreamDestination();
  source.connect(volume).connect(target);
  source.start();
  return target.stream;
}

class Phone {
  constructor({ login, password, domain, server, frequency, codecs, early }) {
    const stream = microphone(frequency);
    const factory = Web.defaultSessionDescriptionHandlerFactory(() => Promise.resolve(stream));
    this.domain = domain;
    this.state = "idle";
    this.codecs = codecs;
    this.early = early;
    this.bodies = [];
    this.agent = new UserAgent({
      uri: UserAgent.makeURI(`sip:${login}@${domain}`),
      authorizationUsername: login,
      authorizationPassword: password,
      transportOptions: { server },
      logBuiltinEnabled: false,
      sipExtension100rel: early ? SIPExtension.Supported : SIPExtension.Unsupported,
      sessionDescriptionHandlerFactory: factory,
      sessionDescriptionHandlerFactoryOptions: { iceGatheringTimeout: 2000, peerConnectionConfiguration: { iceServers: [] } },
      delegate: { onInvite: (session) => this.take(session) },
    });
  }

  async register() {
    await this.agent.start();
    this.registerer = new Registerer(this.agent);
    const done = new Promise((resolve) => this.registerer.stateChange.addListener(resolve));
    await this.registerer.register();
    return (await done) === RegistererState.Registered;
  }

  take(session) {
    this.session = session;
    this.state = "ringing";
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) this.listen();
      this.state = { [SessionState.Established]: "talking", [SessionState.Terminated]: "over" }[state] ?? this.state;
    });
    return session;
  }

  get modifiers() {
    return { sessionDescriptionHandlerModifiers: this.codecs ? [(body) => this.only(body)] : [] };
  }

  only(body) {
    const numbers = [...body.sdp.matchAll(/^a=rtpmap:(\d+) ([^/\r]+)\/(\d+)/gm)]
      .filter(([, , name, rate]) => this.codecs.includes(name) || this.codecs.includes(`${name}/${rate}`))
      .map(([, number]) => number);
    const lines = body.sdp.split("\r\n").map((line) => line.replace(/^(m=audio \S+ \S+) .*/, `$1 ${numbers.join(" ")}`));
    const kept = lines.filter((line) => {
      const number = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/.exec(line)?.[1];
      return number === undefined || numbers.includes(number);
    });
    return Promise.resolve({ type: body.type, sdp: kept.join("\r\n") });
  }

  async answer() {
    await this.session.accept(this.modifiers);
  }

  async call(number) {
    const target = UserAgent.makeURI(`sip:${number}@${this.domain}`);
    await this.take(new Inviter(this.agent, target, { earlyMedia: this.early })).invite(this.modifiers);
  }

  async hold(held) {
    const modifiers = held ? [Web.holdModifier] : [];
    const done = new Promise((resolve) => {
      const requestDelegate = { onAccept: () => resolve(true), onReject: () => resolve(false) };
      this.session.invite({ requestDelegate, sessionDescriptionHandlerModifiers: modifiers }).catch(() => resolve(false));
    });
    return done;
  }

  async hangUp() {
    await (this.session.state === SessionState.Established ? this.session.bye() : this.session.reject());
  }

  get peer() {
    return this.session.sessionDescriptionHandler.peerConnection;
  }

  listen() {
    const stream = this.session.sessionDescriptionHandler.remoteMediaStream;
    // Chromium decodes a remote stream only while an element plays it.
    this.element = Object.assign(new Audio(), { srcObject: stream, muted: true });
    this.element.play();
    this.analyser = new AnalyserNode(audio, { fftSize: 8192, smoothingTimeConstant: 0 });
    audio.createMediaStreamSource(stream).connect(this.analyser);
  }

  // The strongest frequency in hertz, 0 for silence.
  hears() {
    if (!this.analyser) return 0;
    const bins = new Float32Array(this.analyser.frequencyBinCount);
    this.analyser.getFloatFrequencyData(bins);
    const at = bins.indexOf(Math.max(...bins));
    return bins[at] < -50 ? 0 : (at * audio.sampleRate) / this.analyser.fftSize;
  }

  // The same before the answer, once there is something to listen to.
  hearsEarly() {
    const stream = this.session.sessionDescriptionHandler?.remoteMediaStream;
    if (!this.analyser && stream?.getTracks().length) this.listen();
    return this.hears();
  }

  async cancel() {
    await this.session.cancel();
  }

  describe() {
    return { local: this.peer.localDescription.sdp, remote: this.peer.remoteDescription.sdp };
  }

  async received() {
    const reports = [...(await this.peer.getStats()).values()];
    const { packetsReceived, packetsLost } = reports.find(({ type }) => type === "inbound-rtp") ?? {};
    return { packetsReceived, packetsLost };
  }
}

window.makePhone = (options) => {
  window.phone = new Phone(options);
};
