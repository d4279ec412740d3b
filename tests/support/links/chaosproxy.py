#!/usr/bin/env python3
"""chaosproxy - a seeded, userland TCP proxy that behaves like a bad satellite link.

Vendored whole: kept as it came, apart from this sentence, its layout, and that Link.deliverer
outlives an end that left just before its end-of-file came.

Standard library only (Python >= 3.9), one file, no root, no netem.  It forwards
TCP from --listen to --upstream through one shared "link" per direction with

  * propagation delay        --delay-ms (each way), handshake round trips
  * bottleneck rate          --rate-kbps (server->client), --up-rate-kbps
                             shared fairly (round robin) by all connections
  * TCP slow start           a per-connection window (IW10, doubling per RTT, reset
                             after idle); --no-slow-start models a perfect PEP
  * drops                    --mtbf-s: mean time between drops (exponential); a drop
                             kills every connection at once, --drop-mode:
                               rst     TCP RST to both ends
                               fin     clean FIN mid-body (a truncating middlebox)
                               zombie  silence for ever: no RST, no FIN, no data
  * outages                  --outage MIN:MAX seconds; a drop starts one with
                             probability --outage-prob, --outage-mode:
                               refuse    everything reset, connects refused
                               blackhole nothing moves, connects hang; afterwards
                                         old connections go on (--after-blackhole
                                         resume) or stay dead (zombie) or get rst.
                             After a black hole TCP's timers are imitated: what was
                             in flight is sent (and paid for) again at the next tick
                             of 1, 3, 7, 15 ... RTOs, in slow start; a connect that
                             was hanging goes through at 1, 3, 7, 15 ... s.
                             --no-rto-backoff: both at once when the link is back
  * silent corruption        --corrupt-every N: one byte flipped per ~N bytes
                             (server->client), below TCP's checksum
  * scripted events          --at T:KIND[:DUR], KIND in rst fin zombie refuse
                             blackhole, e.g. --at 15:zombie --at 40:refuse:10

The clock of the schedule starts at the first accepted connection, and the schedule
depends only on --seed, so every tool meets the same weather.  On SIGTERM/SIGINT (or
--max-s) the statistics are written as JSON to --stats (default: standard output).

  link_down/link_up    payload bytes that were put on the link (what you pay for)
  delivered_*          bytes that reached the other end
  lost_*               bytes put on the link that nobody received
  up_s / outage_s      seconds of the run with the link up / down

Numbers are TCP payload; add ~3-4 % for TCP/IP headers at an MSS of 1448.

As a library:   async with ChaosProxy(upstream=("127.0.0.1", 80), rate_kbps=2000) as p:
                    ... p.port ... p.stats()
"""

import argparse
import asyncio
import collections
import json
import random
import signal
import socket
import struct
import sys

MSS = 1448
IW = 10 * MSS
EOF_MARK = None


class Flow:
    """One direction of one connection: source transport -> link -> sink transport."""

    def __init__(self, conn, link):
        self.conn, self.link = conn, link
        self.src = self.dst = None  # transports
        self.pending = collections.deque()  # read from src, not yet on the link
        self.queued = 0  # bytes in pending
        self.inflight = 0  # on the link or unacknowledged
        self.cwnd = IW if link.slow_start else link.max_window
        self.last_ack = 0.0
        self.held_acks = []  # sink is slow: acks wait for it
        self.sink_blocked = False
        self.src_eof = False
        self.dead = False
        self.hold_until = 0.0  # TCP's retransmission timer, after a black hole

    def feed(self, data):
        if self.dead:
            return
        step = self.link.segment
        for i in range(0, len(data), step):
            self.pending.append(data[i : i + step])
        self.queued += len(data)
        self.link.wake(self)
        self.throttle()

    def feed_eof(self):
        self.pending.append(EOF_MARK)
        self.link.wake(self)

    def throttle(self):
        if self.src is None or self.src.is_closing() or self.src_eof:
            return
        try:
            if self.queued >= max(self.cwnd, 65536):
                self.src.pause_reading()
            else:
                self.src.resume_reading()
        except RuntimeError:
            pass

    def sendable(self):
        return (
            bool(self.pending)
            and not self.dead
            and not self.conn.zombie
            and self.hold_until <= self.link.loop.time()
            and (self.pending[0] is EOF_MARK or self.inflight == 0 or self.inflight + len(self.pending[0]) <= self.cwnd)
        )

    def pop(self, now):
        seg = self.pending.popleft()
        if seg is not EOF_MARK:
            if self.link.slow_start and self.inflight == 0 and self.last_ack and now - self.last_ack > self.link.rto:
                self.cwnd = IW  # slow start after idle
            self.queued -= len(seg)
            self.inflight += len(seg)
            self.throttle()
        return seg

    def ack(self, n):
        if self.sink_blocked:
            self.held_acks.append(n)
            return
        self.inflight -= n
        self.last_ack = self.link.loop.time()
        if self.link.slow_start:
            self.cwnd = min(self.cwnd + n, self.link.max_window)
        self.link.wake(self)
        self.throttle()

    def unblock(self):
        self.sink_blocked = False
        acks, self.held_acks = self.held_acks, []
        for n in acks:
            self.ack(n)


class Link:
    """One direction of the shared bottleneck: round-robin serializer + delay line."""

    def __init__(self, proxy, name, rate, delay, max_window, slow_start):
        self.proxy, self.name, self.rate, self.delay = proxy, name, rate, delay
        self.loop = asyncio.get_running_loop()
        self.segment = MSS if not rate else max(MSS, min(16384, int(rate * 0.004)))
        self.slow_start = slow_start and delay > 0
        rtt = 2 * delay
        self.rto = rtt * 1.5 + 0.2
        self.max_window = max_window or int(max(65536, (rate or 125e6) * (rtt + 0.25)))
        self.ready = collections.deque()
        self.ready_set = set()
        self.work = asyncio.Event()
        self.free_at = 0.0
        self.pipe = collections.deque()
        self.pipe_work = asyncio.Event()
        self.in_service = None
        self.sent = self.delivered = 0
        self.corruptions = 0
        self.next_flip = None

    def wake(self, flow):
        if flow.sendable() and flow not in self.ready_set:
            self.ready.append(flow)
            self.ready_set.add(flow)
            self.work.set()

    async def serializer(self):
        while True:
            while not self.ready:
                self.work.clear()
                await self.work.wait()
            await self.proxy.link_up.wait()
            if not self.ready:
                continue
            flow = self.ready.popleft()
            self.ready_set.discard(flow)
            if not flow.sendable():
                continue
            now = self.loop.time()
            seg = flow.pop(now)
            n = len(seg) if seg is not EOF_MARK else 0
            self.wake(flow)
            self.in_service = (flow, seg)
            if self.rate and n:
                # 20 ms of catch-up, so that late timers do not cost rate
                self.free_at = max(self.free_at, now - 0.02) + n / self.rate
                if self.free_at - now > 0.001:
                    await asyncio.sleep(self.free_at - now)
                at = self.free_at
            else:
                at = now
            self.sent += n
            if self.in_service is None:  # a black hole began: sent again later
                continue
            self.in_service = None
            if n and not flow.dead:
                seg = self.corrupt(seg)
            self.pipe.append((at + self.delay, flow, seg))
            self.pipe_work.set()

    def corrupt(self, seg):
        every = self.proxy.corrupt_every
        if not every or self.name != "down":
            return seg
        if self.next_flip is None:
            self.next_flip = self.sent - len(seg) + self.proxy.rng_bits.uniform(0.5, 1.5) * every
        while self.next_flip < self.sent:
            i = int(self.next_flip) - (self.sent - len(seg))
            if 0 <= i < len(seg):
                b = bytearray(seg)
                b[i] ^= 1 << self.proxy.rng_bits.randrange(8)
                seg = bytes(b)
                self.corruptions += 1
                self.proxy.log("corrupt", offset=self.sent - len(seg) + i)
            self.next_flip += self.proxy.rng_bits.uniform(0.5, 1.5) * every
        return seg

    def lose_in_flight(self):
        """A black hole: what is on the link is lost and waits to be sent again."""
        flows = {}
        for _, flow, seg in self.pipe:
            flows.setdefault(flow, []).append(seg)
        self.pipe.clear()
        if self.in_service is not None:
            flow, seg = self.in_service
            flows.setdefault(flow, []).append(seg)
            self.in_service = None
        for flow, segs in flows.items():
            if flow.dead or flow.conn.zombie:
                continue
            flow.pending.extendleft(reversed(segs))
            n = sum(len(s) for s in segs if s is not EOF_MARK)
            flow.queued += n
            flow.inflight -= n
            if self.slow_start:
                flow.cwnd = IW

    async def deliverer(self):
        while True:
            while not self.pipe:
                self.pipe_work.clear()
                await self.pipe_work.wait()
            at, flow, seg = self.pipe[0]
            now = self.loop.time()
            if at - now > 0.0005:
                await asyncio.sleep(at - now)
            if not self.proxy.link_up.is_set():
                await self.proxy.link_up.wait()  # frozen in flight
                continue
            if not self.pipe or self.pipe[0][1] is not flow or self.pipe[0][2] is not seg:
                continue
            self.pipe.popleft()
            n = len(seg) if seg is not EOF_MARK else 0
            dst = flow.dst
            if flow.dead or flow.conn.zombie or dst is None or dst.is_closing():
                continue  # paid for, and lost
            if seg is EOF_MARK:
                try:
                    if dst.can_write_eof():
                        dst.write_eof()
                except OSError:  # that end has reset its connection, which is not told yet
                    pass
                continue
            dst.write(seg)
            self.delivered += n
            self.proxy.last_delivery = self.loop.time()
            if self.delay:
                self.loop.call_later(self.delay, flow.ack, n)
            else:
                self.loop.call_soon(flow.ack, n)


class Side(asyncio.Protocol):
    """A socket of the proxy; `out` is the flow it feeds, `inn` the flow it drains."""

    def __init__(self, conn, is_client):
        self.conn, self.is_client = conn, is_client
        self.out = conn.up if is_client else conn.down
        self.inn = conn.down if is_client else conn.up
        self.gone = False

    def connection_made(self, transport):
        self.transport = transport
        self.out.src = transport
        self.inn.dst = transport
        transport.set_write_buffer_limits(high=131072, low=32768)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.is_client:
            self.conn.opened()

    def data_received(self, data):
        self.out.feed(data)

    def eof_received(self):
        self.out.src_eof = True
        self.out.feed_eof()
        return True

    def pause_writing(self):
        self.inn.sink_blocked = True

    def resume_writing(self):
        self.inn.unblock()

    def connection_lost(self, exc):
        self.gone = True
        self.conn.side_lost(self, exc)


def tick(rto, waited):
    """Seconds from now to the next of rto * (1, 3, 7, 15 ...), `waited` into it."""
    k = 1
    while rto * (2**k - 1) < waited:
        k += 1
    return rto * (2**k - 1) - waited


class Conn:
    def __init__(self, proxy):
        self.proxy = proxy
        self.id = proxy.n_conns
        self.up, self.down = Flow(self, proxy.up), Flow(self, proxy.down)
        self.client = self.server = None
        self.zombie = self.closed = False
        self.task = None

    def opened(self):
        self.proxy.conns.add(self)
        self.task = asyncio.ensure_future(self.connect())

    async def connect(self):
        p = self.proxy
        self.up.src.pause_reading()
        began = p.loop.time()
        if not p.link_up.is_set():
            await p.link_up.wait()
            if p.rto_backoff:  # the next retransmission of the SYN
                await asyncio.sleep(tick(1.0, p.loop.time() - began))
        if p.handshake_rtts and p.delay:
            await asyncio.sleep(2 * p.delay * p.handshake_rtts)
        await p.link_up.wait()
        if self.closed or self.zombie:
            return
        try:
            await p.loop.create_connection(self.make_server, *p.upstream)
        except OSError as e:
            p.log("upstream-failed", error=str(e))
            self.kill()
            return
        self.up.throttle()

    def make_server(self):
        self.server = Side(self, False)
        return self.server

    def side_lost(self, side, exc):
        """One end went away; the other hears of it one propagation delay later."""
        if self.closed:
            return
        other = self.server if side is self.client else self.client
        if other is None or other.gone:
            self.kill()
        elif exc is not None or side is self.client:
            # abort: stop what is queued for the end that left, reset the other
            self.proxy.loop.call_later(self.proxy.delay, self.kill)
        # a clean server close: EOF marker already follows its data

    def kill(self, rst=True):
        if self.closed:
            return
        self.closed = True
        if self.task and self.task is not asyncio.current_task():
            self.task.cancel()
        for flow in (self.up, self.down):
            flow.dead = True
            flow.pending.clear()
        for side in (self.client, self.server):
            if side is None or side.gone:
                continue
            if rst:
                sock = side.transport.get_extra_info("socket")
                if sock is not None:
                    try:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    except OSError:
                        pass
                side.transport.abort()
            else:
                side.transport.close()
        self.proxy.conns.discard(self)

    def make_zombie(self):
        self.zombie = True
        for flow in (self.up, self.down):
            flow.pending.clear()
            flow.queued = 0


class ChaosProxy:
    def __init__(
        self,
        upstream,
        listen=("127.0.0.1", 0),
        delay_ms=0.0,
        rate_kbps=0,
        up_rate_kbps=None,
        mtbf_s=0.0,
        drop_mode="rst",
        outage=(5.0, 15.0),
        outage_prob=0.0,
        outage_mode="mix",
        after_blackhole="resume",
        corrupt_every=0,
        seed=1,
        at=(),
        handshake_rtts=1.0,
        slow_start=True,
        max_window=0,
        rto_backoff=True,
        verbose=False,
    ):
        self.upstream, self.listen = upstream, listen
        self.delay = delay_ms / 1000
        self.rate = rate_kbps * 125.0
        self.up_rate = self.rate if up_rate_kbps is None else up_rate_kbps * 125.0
        self.mtbf, self.drop_mode = mtbf_s, drop_mode
        self.outage, self.outage_prob = outage, outage_prob
        self.outage_mode, self.after_blackhole = outage_mode, after_blackhole
        self.corrupt_every, self.seed, self.at = corrupt_every, seed, list(at)
        self.handshake_rtts, self.slow_start = handshake_rtts, slow_start
        self.max_window, self.verbose = max_window, verbose
        self.rto_backoff = rto_backoff
        self.conns = set()
        self.n_conns = self.n_resets = self.n_zombies = self.n_drops = 0
        self.outage_s = 0.0
        self.events = []
        self.t0 = self.last_delivery = None
        self.server = None
        self.tasks = []
        self.port = None

    # -- life cycle
    async def start(self):
        self.loop = asyncio.get_running_loop()
        self.rng = random.Random(self.seed)
        self.rng_bits = random.Random(self.seed + 1)
        self.link_up = asyncio.Event()
        self.link_up.set()
        self.up = Link(self, "up", self.up_rate, self.delay, self.max_window, self.slow_start)
        self.down = Link(self, "down", self.rate, self.delay, self.max_window, self.slow_start)
        self.first = asyncio.Event()
        await self.open_listener()
        for coro in (
            self.up.serializer(),
            self.up.deliverer(),
            self.down.serializer(),
            self.down.deliverer(),
            self.weather(),
        ):
            self.tasks.append(asyncio.ensure_future(coro))
        return self

    async def stop(self):
        for t in self.tasks:
            t.cancel()
        if self.server:
            self.server.close()
        for c in list(self.conns):
            c.kill()
        await asyncio.sleep(0)

    async def __aenter__(self):
        return await self.start()

    async def __aexit__(self, *exc):
        await self.stop()

    async def open_listener(self):
        host, port = self.listen[0], self.port or self.listen[1]
        self.server = await self.loop.create_server(self.make_client, host, port, reuse_address=True, backlog=64)
        self.port = self.server.sockets[0].getsockname()[1]

    def make_client(self):
        if self.t0 is None:
            self.t0 = self.loop.time()
            self.first.set()
        self.n_conns += 1
        conn = Conn(self)
        conn.client = Side(conn, True)
        return conn.client

    # -- weather
    def log(self, kind, **kw):
        e = dict(t=round(self.loop.time() - (self.t0 or self.loop.time()), 3), kind=kind, **kw)
        self.events.append(e)
        if self.verbose:
            print("chaosproxy", json.dumps(e), file=sys.stderr, flush=True)

    async def weather(self):
        await self.first.wait()
        for t, kind, dur in self.schedule():
            wait = self.t0 + t - self.loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            await self.event(kind, dur)

    def schedule(self):
        """(time, kind, duration), in order; random drops merged with --at events."""
        fixed = collections.deque(sorted(self.at))
        t = 0.0
        nxt = None
        while self.mtbf or fixed:
            if self.mtbf and nxt is None:
                gap = self.rng.expovariate(1 / self.mtbf)
                is_outage = self.rng.random() < self.outage_prob
                dur = self.rng.uniform(*self.outage)
                coin = self.rng.random()
                t += gap
                if is_outage:
                    kind = self.outage_mode
                    if kind == "mix":
                        kind = "refuse" if coin < 0.5 else "blackhole"
                    nxt = (t, kind, dur)
                    t += dur
                else:
                    kind = self.drop_mode
                    if kind == "mix":
                        kind = "rst" if coin < 0.5 else "fin" if coin < 0.75 else "zombie"
                    nxt = (t, kind, 0.0)
            if fixed and (nxt is None or fixed[0][0] <= nxt[0]):
                yield fixed.popleft()
            else:
                yield nxt
                nxt = None

    async def event(self, kind, dur):
        self.n_drops += 1
        victims = [c for c in self.conns if not c.zombie]
        self.log(kind, dur=round(dur, 3), conns=len(victims))
        if kind in ("rst", "fin", "refuse"):
            self.n_resets += len(victims)
            for c in victims:
                c.kill(rst=kind != "fin")
        elif kind == "zombie":
            self.zombify(victims)
        if kind == "refuse":
            self.server.close()
            self.link_up.clear()
            await self.sleep_outage(dur)
            self.link_up.set()
            await self.open_listener()
        elif kind == "blackhole":
            self.link_up.clear()
            began = self.loop.time()
            if self.rto_backoff:
                self.up.lose_in_flight()
                self.down.lose_in_flight()
            await self.sleep_outage(dur)
            if self.after_blackhole == "zombie":
                self.zombify(victims)
            elif self.after_blackhole == "rst":
                self.n_resets += len(victims)
                for c in victims:
                    c.kill()
            now = self.loop.time()
            for link in (self.up, self.down):
                link.free_at = max(link.free_at, now)
                link.pipe = collections.deque((max(at, now + link.delay), f, s) for at, f, s in link.pipe)
            if self.rto_backoff:
                again = now + tick(2 * self.delay + 0.4, now - began)
                for c in self.conns:
                    for flow in (c.up, c.down):
                        if flow.pending and c in victims:
                            flow.hold_until = again
                            self.loop.call_at(again + 0.001, flow.link.wake, flow)
            self.link_up.set()

    async def sleep_outage(self, dur):
        start = self.loop.time()
        try:
            await asyncio.sleep(dur)
        finally:
            self.outage_s += self.loop.time() - start

    def zombify(self, victims):
        self.n_zombies += len(victims)
        for c in victims:
            c.make_zombie()

    # -- report
    def stats(self):
        now = self.loop.time()
        total = now - self.t0 if self.t0 is not None else 0.0
        return dict(
            link_down=self.down.sent,
            link_up=self.up.sent,
            delivered_down=self.down.delivered,
            delivered_up=self.up.delivered,
            lost_down=self.down.sent - self.down.delivered,
            lost_up=self.up.sent - self.up.delivered,
            connections=self.n_conns,
            drops=self.n_drops,
            resets=self.n_resets,
            zombies=self.n_zombies,
            corruptions=self.down.corruptions,
            elapsed_s=round(total, 3),
            outage_s=round(self.outage_s, 3),
            up_s=round(total - self.outage_s, 3),
            last_delivery_s=round(self.last_delivery - self.t0, 3) if self.last_delivery is not None else None,
            seed=self.seed,
            events=self.events,
        )


def hostport(s):
    host, _, port = s.rpartition(":")
    return (host.strip("[]") or "127.0.0.1", int(port))


def span(s):
    a, _, b = s.partition(":")
    return (float(a), float(b or a))


def event(s):
    parts = s.split(":")
    if parts[1] not in ("rst", "fin", "zombie", "refuse", "blackhole"):
        raise argparse.ArgumentTypeError("unknown event " + parts[1])
    return (float(parts[0]), parts[1], float(parts[2]) if len(parts) > 2 else 10.0)


def parse(argv=None):
    a = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    a.add_argument("--listen", type=hostport, default="127.0.0.1:0", metavar="HOST:PORT")
    a.add_argument("--upstream", type=hostport, required=True, metavar="HOST:PORT")
    a.add_argument("--delay-ms", type=float, default=0, help="one-way delay")
    a.add_argument("--rate-kbps", type=float, default=0, help="server->client; 0 = no limit")
    a.add_argument("--up-rate-kbps", type=float, default=None, help="default: as --rate-kbps")
    a.add_argument("--mtbf-s", type=float, default=0, help="mean time between drops; 0 = none")
    a.add_argument("--drop-mode", choices=["rst", "fin", "zombie", "mix"], default="rst")
    a.add_argument("--outage", type=span, default="5:15", metavar="MIN:MAX")
    a.add_argument("--outage-prob", type=float, default=0, help="share of drops that are outages")
    a.add_argument("--outage-mode", choices=["refuse", "blackhole", "mix"], default="mix")
    a.add_argument("--after-blackhole", choices=["resume", "zombie", "rst"], default="resume")
    a.add_argument("--corrupt-every", type=float, default=0, metavar="BYTES")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--at", type=event, action="append", default=[], metavar="T:KIND[:DUR]")
    a.add_argument("--handshake-rtts", type=float, default=1, help="1 = TCP, 2 = with TLS 1.3")
    a.add_argument("--no-slow-start", action="store_true", help="as behind a perfect PEP")
    a.add_argument("--no-rto-backoff", action="store_true", help="resume at once after a black hole")
    a.add_argument("--max-window", type=int, default=0, help="bytes; 0 = BDP + 250 ms")
    a.add_argument("--max-s", type=float, default=0, help="stop by itself after this long")
    a.add_argument("--stats", default="-", help="file for the JSON; - = standard output")
    a.add_argument("--port-file", help="write the listening port here once ready")
    a.add_argument("-v", "--verbose", action="store_true")
    return a.parse_args(argv)


async def amain(o):
    p = ChaosProxy(
        o.upstream,
        o.listen,
        o.delay_ms,
        o.rate_kbps,
        o.up_rate_kbps,
        o.mtbf_s,
        o.drop_mode,
        o.outage,
        o.outage_prob,
        o.outage_mode,
        o.after_blackhole,
        o.corrupt_every,
        o.seed,
        o.at,
        o.handshake_rtts,
        not o.no_slow_start,
        o.max_window,
        not o.no_rto_backoff,
        o.verbose,
    )
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for s in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(s, done.set)
    async with p:
        if o.port_file:
            with open(o.port_file, "w") as f:
                f.write(str(p.port))
        if o.verbose:
            print("chaosproxy listening on port", p.port, file=sys.stderr, flush=True)
        try:
            await asyncio.wait_for(done.wait(), o.max_s or None)
        except asyncio.TimeoutError:
            pass
        text = json.dumps(p.stats(), indent=1)
    if o.stats == "-":
        print(text)
    else:
        with open(o.stats, "w") as f:
            f.write(text + "\n")


if __name__ == "__main__":
    asyncio.run(amain(parse()))
