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
