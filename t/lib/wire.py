#!/usr/bin/env python3
"""An independent reader of decoder/wire.h, for tests.

Written from the header's text alone, and as strict as the header is: unknown
bits, wrong states, bytes left over and records in the wrong order are errors.
It shares no code with the decoder or the relay; it is slow and plain, and its
only task is to disagree when one of them is wrong.

    wire.py [--mask] [--kinds KINDS] [--frames] [--partial] FILE...

reads frames as pg_recvlogical writes them (one newline after each) or simply
one after the other, and prints one JSON object per record.  --mask leaves out
what differs between runs (positions, xids, times, oids); --kinds prints only
those kinds, IUD for example; --frames adds number and length of the frame;
--partial allows a last frame that is not complete yet.  Long values, of arrays
only huge ones, show as their length, ends and CRC-32.  Exit code 1 and a message for anything malformed.
"""
import argparse
import json
import math
import os
import struct
import sys
import uuid
import zlib

NOT_NULL, IDENTITY, PRIMARY, GENERATED = 0x0001, 0x0002, 0x0004, 0x0008
DOMAIN, ARRAY, ENUM, DEFAULT = 0x0010, 0x0020, 0x0040, 0x0080
COMPOSITE, RANGE, AUTO, DOMAIN_NOT_NULL = 0x0100, 0x0200, 0x0400, 0x0800
KNOWN_FLAGS = 0x0FFF
FLAG_NAMES = {NOT_NULL: "not-null", IDENTITY: "identity", PRIMARY: "primary",
              GENERATED: "generated", COMPOSITE: "composite", RANGE: "range", AUTO: "auto",
              DOMAIN_NOT_NULL: "domain-not-null"}
VALUE, NULL, UNCHANGED, TEXT, LONG, UNSENDABLE = range(6)
FRAME_MAX = 512 * 1024 * 1024
VOLATILE = {"xid", "time", "lsn", "delta", "end_lsn", "commit_back", "relid", "type_oid",
            "base_oid", "element_oid", "element_base_oid", "hash", "database_oid", "database",
            "server_version", "origin_lsn", "plugin_version", "settings", "encoding"}


class Malformed(Exception):
    pass


class Cursor:
    """Reads the notation of wire.h; never past the end."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        if n < 0 or self.left() < n:
            raise Malformed("%d bytes wanted, %d left" % (n, self.left()))
        piece = self.data[self.at:self.at + n]
        self.at += n
        return piece

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack("<H", self.take(2))[0]

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def u64(self):
        return struct.unpack("<Q", self.take(8))[0]

    def uv(self):
        value = shift = 0
        for _ in range(10):
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                if value >= 1 << 64:
                    raise Malformed("varint over 64 bits")
                return value
        raise Malformed("varint over 10 bytes")

    def sv(self):
        value = self.uv()
        return (value >> 1) ^ -(value & 1)

    def raw(self):
        return self.take(self.uv())

    def str(self):
        return self.raw().decode("utf-8", "surrogateescape")

    def end(self, what):
        if self.left():
            raise Malformed("%d bytes left over in %s" % (self.left(), what))


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


def numeric(c):
    sign = chr(c.u8())
    if sign in "nim":
        return {"n": "NaN", "i": "Infinity", "m": "-Infinity"}[sign]
    if sign not in "+-":
        raise Malformed("numeric sign %r" % sign)
    scale, weight, count = c.uv(), c.sv(), c.uv()
    digits = [c.u16() for _ in range(count)]
    if any(d > 9999 for d in digits):
        raise Malformed("numeric digit over 9999")
    if digits and (digits[0] == 0 or digits[-1] == 0):
        raise Malformed("numeric with zero digits at an end")
    if not digits and sign == "-":
        raise Malformed("negative zero")

    def digit(power):
        place = weight - power
        return digits[place] if 0 <= place < count else 0

    whole = "".join("%04d" % digit(p) for p in range(max(weight, 0), -1, -1)).lstrip("0") or "0"
    fraction = "".join("%04d" % digit(p) for p in range(-1, -1 - (scale + 3) // 4, -1))
    if weight - count + 1 < -((scale + 3) // 4):
        raise Malformed("numeric digits beyond the display scale")
    text = whole + ("." + fraction[:scale] if scale else "")
    if fraction[scale:].strip("0"):
        raise Malformed("numeric digits beyond the display scale")
    return ("-" if sign == "-" else "") + text


def array(c, column):
    """As nested lists; with a lower bound that is not 1: {"lower": [...], "array": nested lists}."""
    ndim = c.uv()
    if ndim > 6:
        raise Malformed("array of %d dimensions" % ndim)
    lengths, lower = [], []
    for _ in range(ndim):
        lengths.append(c.uv())
        lower.append(c.sv())
    if 0 in lengths:
        raise Malformed("array dimension without elements")
    count = math.prod(lengths) if ndim else 0
    has_map = c.u8()
    if has_map > 1:
        raise Malformed("array map flag %d" % has_map)
    nulls = c.take((count + 7) // 8) if has_map else bytes((count + 7) // 8)
    if count % 8 and nulls[-1] >> count % 8:
        raise Malformed("array map has bits beyond the elements")
    items = [None if nulls[i // 8] >> i % 8 & 1 else value(c, column["elements"])
             for i in range(count)]
    c.end("array")
    for length in reversed(lengths[1:]):
        items = [items[i:i + length] for i in range(0, len(items), length)]
    return items if all(bound == 1 for bound in lower) else {"lower": lower, "array": items}


def real(number):
    """JSON knows no infinities."""
    return number if math.isfinite(number) else str(number)


def value(c, column):
    form = column["form"]
    if form == "b":
        flag = c.u8()
        if flag > 1:
            raise Malformed("bool %d" % flag)
        return bool(flag)
    if form == "i":
        return c.sv()
    if form == "o":
        return c.uv()
    if form == "f":
        return real(struct.unpack("<f", c.take(4))[0])
    if form == "d":
        return real(struct.unpack("<d", c.take(8))[0])
    if form == "8":
        return signed(c.u64(), 64)
    if form == "z":
        return [signed(c.u64(), 64), signed(c.u32(), 32)]
    if form == "v":
        return [signed(c.u64(), 64), signed(c.u32(), 32), signed(c.u32(), 32)]
    if form == "g":
        return str(uuid.UUID(bytes=c.take(16)))
    if form == "n":
        return numeric(c)
    if form == "e":
        place = c.uv()
        if place >= len(column["labels"]):
            raise Malformed("enum place %d of %d" % (place, len(column["labels"])))
        return column["labels"][place]
    if form == "a":
        return array(Cursor(c.raw()), column)
    if form == "y":
        return "\\x" + c.raw().hex()
    if form == "t":
        return c.str()
    raise Malformed("form %r" % form)


class Value:
    """A text, bytea or array that may be long: shown whole only if it is short,
    an array also if it is not huge."""

    SHORT = 200
    HUGE = 4 * 1024 * 1024

    def __init__(self, total):
        self.total, self.have, self.crc = total, 0, 0
        self.head, self.tail, self.pieces = b"", b"", []

    def add(self, data):
        self.have += len(data)
        self.crc = zlib.crc32(data, self.crc)
        self.head = (self.head + data[:self.SHORT])[:self.SHORT]
        self.tail = (self.tail + data[-8:])[-8:]
        if self.total <= self.HUGE:
            self.pieces.append(data)

    def show(self, column):
        as_bytes = column["form"] != "t"
        if column["form"] == "a" and self.total <= self.HUGE:
            return array(Cursor(b"".join(self.pieces)), column)

        def text(data):
            return data.hex() if as_bytes else data.decode("utf-8", "surrogateescape")
        if self.total <= self.SHORT:
            return ("\\x" if as_bytes else "") + text(self.head)
        return {"long": self.total, "first": text(self.head[:8]), "last": text(self.tail),
                "crc32": self.crc}


def short(data):
    value = Value(len(data))
    value.add(data)
    return value.show({"form": "t"})


class Stream:
    """Records of one stream, in order; knows what may follow what."""

    def __init__(self):
        self.relations = {}
        self.hello = None
        self.begun = False
        self.lsn = None
        self.told = 0
        self.longs = []
        self.piece = None

    def relation(self, c):
        index = c.uv()
        rel = {"index": index, "relid": c.uv(), "identity": chr(c.u8()), "relkind": chr(c.u8()),
               "schema": c.str(), "name": c.str(), "columns": []}
        if rel["identity"] not in "difn" or rel["relkind"] not in "rp":
            raise Malformed("relation %s: identity or relkind" % rel["name"])
        last = 0
        for _ in range(c.uv()):
            col = {"attnum": c.uv()}
            flags = c.u16()
            if flags & ~KNOWN_FLAGS:
                raise Malformed("column flags %#x" % flags)
            if col["attnum"] <= last:
                raise Malformed("columns out of order")
            last = col["attnum"]
            col.update(form=chr(c.u8()), name=c.str(), type_oid=c.uv(), typmod=c.sv(),
                       type=c.str() + "." + c.str(),
                       flags=[n for f, n in FLAG_NAMES.items() if flags & f])
            if flags & DOMAIN:
                col.update(base_oid=c.uv(), base_typmod=c.sv(), base=c.str() + "." + c.str())
            if flags & ARRAY:
                col.update(element_oid=c.uv(), element=c.str() + "." + c.str(),
                           element_base_oid=c.uv(), elements={"form": chr(c.u8())},
                           delimiter=chr(c.u8()))
                if col["elements"]["form"] not in "biofd8zvgneyt":
                    raise Malformed("element form %r" % col["elements"]["form"])
            if flags & ENUM:
                col["labels"] = [c.str() for _ in range(c.uv())]
                col.get("elements", {})["labels"] = col["labels"]
            if flags & DEFAULT:
                col["default"] = c.str()
            if col["form"] not in "biofd8zvgneyta" or (col["form"] == "a") != bool(flags & ARRAY):
                raise Malformed("form %r" % col["form"])
            rel["columns"].append(col)
        rel["key_kind"] = chr(c.u8())
        rel["key"] = [c.uv() for _ in range(c.uv())]
        rel["identity_key"] = [c.uv() for _ in range(c.uv())]
        if rel["key_kind"] not in "-pu" or (rel["key_kind"] == "-") != (not rel["key"]):
            raise Malformed("key kind %r with key %r" % (rel["key_kind"], rel["key"]))
        for place in rel["key"] + rel["identity_key"]:
            if place >= len(rel["columns"]):
                raise Malformed("key place %d" % place)
        flagged = [i for i, col in enumerate(rel["columns"]) if "identity" in col["flags"]]
        if sorted(rel["identity_key"]) != flagged:
            raise Malformed("identity flags %r, key %r" % (flagged, rel["identity_key"]))
        self.relations[index] = rel
        return rel

    def find(self, c):
        index = c.uv()
        if index not in self.relations:
            raise Malformed("relation %d was not announced" % index)
        return self.relations[index]

    def delta(self, c):
        if not self.begun:
            raise Malformed("change outside a transaction")
        delta = c.sv()
        self.lsn += delta
        return {"delta": delta, "lsn": self.lsn}

    def tuple(self, c, rel, key=False):
        columns = rel["columns"]
        if key:
            columns = [col for col in columns if "identity" in col["flags"]]
        kind = chr(c.u8())
        if kind == "p":
            states = [VALUE] * len(columns)
        elif kind == "n":
            bits = c.take((len(columns) + 7) // 8)
            states = [bits[i // 8] >> i % 8 & 1 for i in range(len(columns))]
            if NULL not in states:
                raise Malformed("null map without a null")
        elif kind == "s":
            nibbles = c.take((len(columns) + 1) // 2)
            states = [nibbles[i // 2] >> i % 2 * 4 & 15 for i in range(len(columns))]
            if max(states) < UNCHANGED:
                raise Malformed("state map without need")
        else:
            raise Malformed("tuple kind %r" % kind)
        row = {}
        for col, state in zip(columns, states):
            if state == VALUE:
                row[col["name"]] = value(c, col)
            elif state == NULL:
                row[col["name"]] = None
            elif state == UNCHANGED:
                row[col["name"]] = {"state": "unchanged"}
            elif state == TEXT:
                row[col["name"]] = {"text": c.str()}
            elif state == LONG:
                if col["form"] not in "tya" or not self.longs:
                    raise Malformed("long value of %s is not there" % col["name"])
                row[col["name"]] = self.longs.pop(0).show(col)
            elif state == UNSENDABLE:
                row[col["name"]] = {"state": "unsendable"}
            else:
                raise Malformed("state %d" % state)
        return row

    def long(self, c):
        last, total = c.u8(), c.uv()
        data = c.take(c.left())
        if self.piece is None:
            self.piece = Value(total)
        piece = self.piece
        if piece.total != total or last > 1:
            raise Malformed("piece of a long value does not fit the one before")
        piece.add(data)
        if piece.have > total or (piece.have == total) != bool(last):
            raise Malformed("long value of %d bytes has %d" % (total, piece.have))
        if last:
            self.longs.append(piece)
            self.piece = None
        return {"length": len(data), "total": total, "last": bool(last)}

    def told_to(self, lsn):
        if lsn < self.told:
            raise Malformed("position went back from %X to %X" % (self.told, lsn))
        self.told = lsn

    def record(self, kind, body):
        c = Cursor(body)
        if (self.hello is None) != (kind == "H"):
            raise Malformed("hello is not first, or not alone: %r" % kind)
        if self.piece is not None and kind != "L":
            raise Malformed("record %r inside a long value" % kind)
        out = {"kind": kind}
        if kind == "H":
            out.update(version=c.uv(), server_version=c.uv())
            flags = c.u8()
            if flags & ~1:
                raise Malformed("hello flags %#x" % flags)
            out.update(flush="idle" if flags & 1 else "commit", frame_bytes=c.uv(), hash=c.u64(),
                       database_oid=c.uv(), database=c.str(), encoding=c.str(),
                       plugin_version=c.str(),
                       settings={c.str(): c.str() for _ in range(c.uv())})
            self.hello = out
        elif kind == "B":
            if self.begun:
                raise Malformed("BEGIN inside a transaction")
            out.update(xid=c.uv(), time=signed(c.u64(), 64), lsn=c.u64())
            flags = c.u8()
            if flags & ~1:
                raise Malformed("begin flags %#x" % flags)
            if flags & 1:
                out.update(origin=c.str(), origin_lsn=c.u64())
            out.update(commit_lsn=out["lsn"] + c.uv())
            self.begun, self.lsn = True, out["lsn"]
        elif kind == "C":
            if not self.begun:
                raise Malformed("COMMIT without BEGIN")
            out.update(end_lsn=c.u64(), commit_back=c.uv())
            self.told_to(out["end_lsn"])
            self.begun = False
        elif kind == "R":
            out.update(self.relation(c))
        elif kind in "IUD":
            rel = self.find(c)
            out.update(table=rel["schema"] + "." + rel["name"], **self.delta(c))
            if kind != "I":
                old = chr(c.u8())
                out["old_kind"] = old
                if old not in "-kf":
                    raise Malformed("old kind %r" % old)
                if old != "-" and kind == "U":
                    inner = Cursor(c.raw())
                    out["old"] = self.tuple(inner, rel, old == "k")
                    inner.end("old tuple")
                elif old != "-":
                    out["old"] = self.tuple(c, rel, old == "k")
            if kind != "D":
                out["new"] = self.tuple(c, rel)
            if self.longs:
                raise Malformed("%d long values that no column takes" % len(self.longs))
        elif kind == "T":
            out.update(self.delta(c), flags=c.u8())
            out["tables"] = [rel["schema"] + "." + rel["name"]
                             for rel in (self.find(c) for _ in range(c.uv()))]
        elif kind == "M":
            flags = c.u8()
            out.update(transactional=bool(flags & 1), lsn=c.u64(), prefix=c.str())
            if bool(flags & 1) != self.begun or flags & ~3:
                raise Malformed("message flags %#x, transaction open: %s" % (flags, self.begun))
            out["content"] = self.longs.pop(0).show({"form": "t"}) if flags & 2 else short(c.raw())
            if not flags & 1:
                self.told_to(out["lsn"])
        elif kind == "L":
            out.update(self.long(c))
        elif kind == "K":
            if self.begun:
                raise Malformed("mark inside a transaction")
            out["lsn"] = c.u64()
            self.told_to(out["lsn"])
        else:
            raise Malformed("kind %r" % kind)
        c.end("record %r" % kind)
        return out


def records_of_frame(frame, stream):
    """Records of one complete frame; yields dicts."""
    c = Cursor(frame)
    if c.take(2) != b"WR" or c.u8() != 1 or c.u8() != 0:
        raise Malformed("not a frame of version 1")
    length = c.u32()
    if length != c.left() or length > FRAME_MAX:
        raise Malformed("frame says %d bytes, has %d" % (length, c.left()))
    while c.left():
        kind = chr(c.u8())
        yield stream.record(kind, c.raw())


def frames_of_capture(file, partial):
    """Frames of a capture, with or without pg_recvlogical's newlines: those that
    are there now, as the file may grow faster than it is read."""
    size = os.fstat(file.fileno()).st_size
    while file.tell() < size:
        head = file.read(1)
        if head == b"\n":
            head = file.read(1)
        head += file.read(7)
        if head and head[:2] != b"WR"[:len(head)]:
            raise Malformed("no frame at byte %d" % (file.tell() - len(head)))
        length = struct.unpack_from("<I", head, 4)[0] if len(head) == 8 else 0
        body = file.read(length)
        if len(head) < 8 or len(body) < length:
            if head and not partial:
                raise Malformed("last frame is cut off")
            return
        yield head + body


def mask(item):
    if isinstance(item, dict):
        return {k: mask(v) for k, v in item.items() if k not in VOLATILE}
    if isinstance(item, list):
        return [mask(i) for i in item]
    return item


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mask", action="store_true")
    parser.add_argument("--kinds", default="HBCRIUDTMLK")
    parser.add_argument("--frames", action="store_true")
    parser.add_argument("--partial", action="store_true")
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    for name in args.files:
        stream = Stream()
        try:
            with open(name, "rb") as file:
                for number, frame in enumerate(frames_of_capture(file, args.partial)):
                    for rec in records_of_frame(frame, stream):
                        if rec["kind"] not in args.kinds:
                            continue
                        if args.frames:
                            rec = {"frame": number, "frame_length": len(frame), **rec}
                        print(json.dumps(mask(rec) if args.mask else rec))
        except Malformed as error:
            print("wire.py: %s: %s" % (name, error), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
