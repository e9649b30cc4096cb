# SPDX-License-Identifier: Apache-2.0
"""Distributions: HdrHistogram in V2 encoding, compressed, in base64, with exact sum, lowest and highest beside it.

Written from the description of the format, and from nothing of the program that writes it."""

import base64
import math
import struct
import zlib

COMPRESSED = 0x1C849304
PLAIN = 0x1C849303
# What the lowest byte says of the width of words means nothing in this version.
WORDS = 0xF0
# Values beyond an hour count as an hour in percentiles.
HIGHEST = 3_600_000_000
# Values below it have a bucket each; from there on, every doubling has half as many.
SINGLE = 2048
HALF = 1024


class Broken(Exception):
    """Something that is no distribution."""


def cookie(data, expected):
    if len(data) < 8 or struct.unpack(">I", data[:4])[0] & ~WORDS != expected:
        raise Broken("a histogram begins with something else")
    return struct.unpack(">I", data[4:8])[0]


def counts(text):
    """Pairs of the highest value of a bucket and how many are in it, in ascending order."""
    packed = base64.b64decode(text, validate=True)
    length = cookie(packed, COMPRESSED)
    if length != len(packed) - 8:
        raise Broken("a histogram has another length than it says")
    data = zlib.decompress(packed[8:])
    length = cookie(data, PLAIN)
    offset, digits, lowest, _, ratio = struct.unpack(">iiQQd", data[8:40])
    if (offset, digits, lowest, ratio) != (0, 3, 1, 1.0):
        raise Broken("a histogram has other bounds than all have")
    found, bucket, place, end = [], 0, 40, 40 + length
    if end != len(data):
        raise Broken("the counts of a histogram have another length than it says")
    while place < end:
        # ZigZag LEB128 of 64 bits, in at most nine bytes, the last of which has eight bits of the value.
        value, shift = 0, 0
        while True:
            byte = data[place]
            place += 1
            if shift == 56:
                value |= byte << shift
                break
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        count = (value >> 1) ^ -(value & 1)
        if count < 0:
            bucket -= count
            continue
        if count > 0:
            found.append((highest(bucket), count))
        bucket += 1
    return found


def highest(bucket):
    """The highest value that counts to a bucket."""
    if bucket < SINGLE:
        return bucket
    doublings = bucket // HALF - 1
    return ((bucket % HALF + HALF + 1) << doublings) - 1


class Trend:
    """A distribution. Times are told in milliseconds, and kept in microseconds."""

    def __init__(self, told=None):
        self.buckets = counts(told["histogram"]) if told else []
        self.count = sum(count for _, count in self.buckets)
        self.sum = told["sum"] if told else 0.0
        self.least = told["min"] if told else 0
        self.most = told["max"] if told else 0
        if self.count and not self.least * self.count * 0.999 - 1 <= self.sum <= (self.most + 1) * self.count * 1.001:
            raise Broken("a sum can't be that of so many values")

    def mean(self):
        return self.sum / self.count / 1e3 if self.count else 0.0

    def min(self):
        return self.least / 1e3 if self.count else 0.0

    def max(self):
        return self.most / 1e3

    def percentile(self, percent):
        if not self.count:
            return 0.0
        wanted, seen = max(math.ceil(percent / 100.0 * self.count), 1), 0
        for value, count in self.buckets:
            seen += count
            if seen >= wanted:
                return min(max(value, min(self.least, HIGHEST)), self.most) / 1e3
        return 0.0
