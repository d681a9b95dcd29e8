"""Reads fragmented MP4 as Heron writes it: fragments, samples, times, and simcam's stamps."""
import re
import struct

STAMP = re.compile(rb"heron-simcam-sei([0-9a-f]{16})([0-9a-f]{8})")
NON_SYNC = 0x10000


class Sample:
    def __init__(self, duration, size, flags, offset):
        self.duration, self.size, self.flags, self.cts = duration, size, flags, offset

    @property
    def key(self):
        return not self.flags & NON_SYNC


class Track:
    def __init__(self, number, time, samples):
        self.number, self.time, self.samples = number, time, samples


class Fragment:
    """One moof+mdat. tracks: number → Track."""

    def __init__(self, data, offset, tracks):
        self.data, self.offset, self.tracks = data, offset, tracks

    @property
    def video(self):
        return self.tracks.get(1)

    @property
    def key(self):
        return bool(self.video and self.video.samples and self.video.samples[0].key)

    @property
    def stamps(self):
        return [(int(us, 16), int(number, 16)) for us, number in STAMP.findall(self.data)]


def boxes(data, start=0, end=None):
    """(type, body start, box end, box start) of each whole box."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            size = struct.unpack_from(">Q", data, body)[0]
            body += 8
        if size < 8 or start + size > end:
            return
        yield kind.decode("latin1"), body, start + size, start
        start += size


def _read_trun(data, body):
    flags = struct.unpack_from(">I", data, body)[0] & 0xffffff
    count = struct.unpack_from(">I", data, body + 4)[0]
    position = body + 8 + (4 if flags & 1 else 0)
    first_flags = None
    if flags & 4:
        first_flags = struct.unpack_from(">I", data, position)[0]
        position += 4
    samples = []
    for index in range(count):
        values = []
        for bit in (0x100, 0x200, 0x400, 0x800):
            if flags & bit:
                values.append(struct.unpack_from(">i" if bit == 0x800 else ">I", data, position)[0])
                position += 4
            else:
                values.append(0)
        if index == 0 and first_flags is not None:
            values[2] = first_flags
        samples.append(Sample(*values))
    return samples


def _read_traf(data, start, end):
    number, time, samples = 0, 0, []
    for kind, body, _, _ in boxes(data, start, end):
        if kind == "tfhd":
            number = struct.unpack_from(">I", data, body + 4)[0]
        elif kind == "tfdt":
            version = data[body]
            time = struct.unpack_from(">Q" if version else ">I", data, body + 4)[0]
        elif kind == "trun":
            samples += _read_trun(data, body)
    return Track(number, time, samples)


def fragments(data):
    """Fragments of a file or of a WebSocket message."""
    result = []
    moof = None
    for kind, body, end, start in boxes(data):
        if kind == "moof":
            moof = (start, {})
            for inner, inner_body, inner_end, _ in boxes(data, body, end):
                if inner == "traf":
                    track = _read_traf(data, inner_body, inner_end)
                    moof[1][track.number] = track
        elif kind == "mdat" and moof:
            result.append(Fragment(data[moof[0]:end], moof[0], moof[1]))
            moof = None
    return result


def check_times(parts):
    """Decode times of every track only go forward, and no sample is without duration. Findings."""
    found = []
    lasts = {}
    for part in parts:
        for number, track in part.tracks.items():
            last = lasts.get(number, -1)
            if track.time <= last:
                found.append(f"track {number}: {track.time} after {last}")
            time = track.time
            for sample in track.samples:
                if sample.duration == 0:
                    found.append(f"track {number}: no duration at {time}")
                last, time = time, time + sample.duration
            lasts[number] = last
    return found


def top_level(data):
    return [kind for kind, _, _, _ in boxes(data)]


def init_size(data):
    """Bytes of ftyp+moov; 0: not there."""
    for kind, _, end, _ in boxes(data):
        if kind == "moov":
            return end
    return 0


def whole_size(data):
    """Bytes up to the end of the last whole top-level box."""
    last = 0
    for _, _, end, _ in boxes(data):
        last = end
    return last


class MovieSample:
    """A sample of a progressive file. pts, end: seconds of the track's media time line."""

    def __init__(self, dts, pts, end, key, data, entry):
        self.dts, self.pts, self.end, self.key = dts, pts, end, key
        self.data, self.entry = data, entry

    @property
    def number(self):
        found = STAMP.search(self.data)
        return int(found.group(2), 16) if found else None


class MovieTrack:
    def __init__(self, handler, timescale, entries, samples, edits):
        self.handler, self.timescale, self.entries = handler, timescale, entries
        self.samples, self.edits = samples, edits  # edits: (media s or None, duration s)

    @property
    def duration(self):
        return sum(duration for _, duration in self.edits)

    def shown(self):
        """(sample, time it comes on the screen) in the order of presentation."""
        found, clock = [], 0.0
        for media, duration in self.edits:
            if media is not None:
                inside = sorted((s for s in self.samples if s.pts < media + duration - 1e-9),
                                key=lambda s: s.pts)
                later = [s.pts for s in inside][1:] + [media + duration]
                for sample, ends in zip(inside, later):
                    if ends > media + 1e-9:
                        found.append((sample, clock + max(sample.pts - media, 0.0)))
            clock += duration
        return found


def _table(data, body, form, start=4):
    count = struct.unpack_from(">I", data, body + start)[0]
    size = struct.calcsize(">" + form)
    return [struct.unpack_from(">" + form, data, body + start + 4 + i * size) for i in range(count)]


def _children(data, start, end):
    return {kind: (body, last) for kind, body, last, _ in boxes(data, start, end)}


def _read_trak(data, start, end, movie_scale):
    trak = _children(data, start, end)
    mdia = _children(data, *trak["mdia"])
    stbl = _children(data, *_children(data, *mdia["minf"])["stbl"])
    scale = struct.unpack_from(">I", data, mdia["mdhd"][0] + 20)[0]
    handler = data[mdia["hdlr"][0] + 8:mdia["hdlr"][0] + 12].decode()
    elst = _children(data, *trak["edts"])["elst"][0]
    edits = [(None if media < 0 else media / scale, duration / movie_scale)
             for duration, media, _ in _table(data, elst, "QqI")]
    sizes = [size for (size,) in _table(data, stbl["stsz"][0], "I", 8)]
    deltas = [d for count, d in _table(data, stbl["stts"][0], "II") for _ in range(count)]
    offsets_of_time = [0] * len(sizes)
    if "ctts" in stbl:
        offsets_of_time = [o for count, o in _table(data, stbl["ctts"][0], "Ii") for _ in range(count)]
    keys = {n for (n,) in _table(data, stbl["stss"][0], "I")} if "stss" in stbl else None
    wide = "co64" in stbl
    chunks = [o for (o,) in _table(data, stbl["co64" if wide else "stco"][0], "Q" if wide else "I")]
    runs = _table(data, stbl["stsc"][0], "III") + [(len(chunks) + 1, 0, 0)]
    samples, index, time = [], 0, 0
    for (first, per_chunk, entry), (until, _, _) in zip(runs, runs[1:]):
        for chunk in range(first, until):
            offset = chunks[chunk - 1]
            for _ in range(per_chunk):
                pts = time + offsets_of_time[index]
                samples.append(MovieSample(time / scale, pts / scale, (pts + deltas[index]) / scale,
                                           keys is None or index + 1 in keys,
                                           data[offset:offset + sizes[index]], entry))
                offset += sizes[index]
                time += deltas[index]
                index += 1
    assert index == len(sizes) == len(deltas), (index, len(sizes), len(deltas))
    entries = [kind for kind, _, _, _ in boxes(data, stbl["stsd"][0] + 8, stbl["stsd"][1])]
    return MovieTrack(handler, scale, entries, samples, edits)


def movie(data):
    """Tracks of a progressive file by handler: vide, soun."""
    top = _children(data, 0, len(data))
    moov = top["moov"]
    scale = struct.unpack_from(">I", data, _children(data, *moov)["mvhd"][0] + 20)[0]
    tracks = [_read_trak(data, body, end, scale)
              for kind, body, end, _ in boxes(data, *moov) if kind == "trak"]
    return {track.handler: track for track in tracks}
