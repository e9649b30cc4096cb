# SPDX-License-Identifier: Apache-2.0
"""Numbers, times and lengths of time as records tell them."""

import calendar
import math
import re
import time


def decimal(value, places):
    text = f"{value:.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def milliseconds(value):
    size = abs(value)
    return decimal(value, 1 if size >= 100.0 else 2 if size >= 10.0 else 3) + "ms"


def percent(share):
    value = share * 100.0
    text = decimal(value, 2)
    hides = (text == "0" and value != 0.0) or (text == "100" and value != 100.0)
    return (decimal(value, 6) if hides else text) + "%"


def per_second(value):
    return decimal(value, 1 if value >= 100.0 else 2)


def rounded(value):
    """To the nearest whole number, halves upwards."""
    whole = math.floor(value)
    return whole + (1 if value - whole >= 0.5 else 0)


UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}


def seconds(span):
    """A length of time such as 1m30s."""
    parts = re.findall(r"([0-9.]+)(ms|us|[dhms])", span)
    if "".join(number + unit for number, unit in parts) != span:
        raise ValueError(f"{span!r} is no length of time")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def instant(text):
    """Nanoseconds of an instant such as 2030-01-01T10:00:00.25Z."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", text)
    if not found:
        raise ValueError(f"{text!r} is no instant")
    whole = calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))
    return whole * 1_000_000_000 + int((found[2] or "").ljust(9, "0"))
