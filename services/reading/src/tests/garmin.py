"""What Garmin's own SDK reads of FIT files: one JSON array a measurement, [code, time, value], after a line with the name.

Decoding is the SDK's; what a day's steps are, and which offset a time has, is said here once more, independently.
"""

import datetime
import json
import sys

from garmin_fit_sdk import Decoder, Stream

EPOCH = 631065600
CODES = {
    "weight": "29463-7",
    "percent_fat": "41982-0",
    "bmi": "39156-5",
}


def measurements(path, configured):
    clock, offset, kind, last = None, None, None, None
    found, steps = [], {}

    def at(seconds):
        zone = datetime.timezone(datetime.timedelta(seconds=configured if offset is None else offset))
        return datetime.datetime.fromtimestamp(EPOCH + seconds, zone)

    def listen(number, message):
        nonlocal clock, offset, kind, last
        stamp = message.get("timestamp")
        if stamp is not None:
            clock = stamp
        if number == 0:
            kind = message.get("type")
        if number == 103 and offset is None:
            offset = message["local_timestamp"] - message["timestamp"]
        if number == 30:
            for name, code in CODES.items():
                if isinstance(message.get(name), (int, float)):
                    found.append([code, clock, message[name]])
        if number == 51:
            for name, code in (("systolic_pressure", "8480-6"), ("diastolic_pressure", "8462-4"), ("heart_rate", "8867-4")):
                if name in message:
                    found.append([code, clock, message[name]])
        if number == 55:
            short = message.get("timestamp_16")
            if short is not None:
                clock += (short - clock) & 0xFFFF
            if message.get("heart_rate"):
                found.append(["8867-4", clock, message["heart_rate"]])
            count = message.get("steps")
            if kind == "monitoring_b" and count is not None:
                day = at(clock - 1).date().isoformat()
                counts = steps.setdefault(day, {})
                activity = message["activity_type"]
                counts[activity] = max(counts.get(activity, 0), count)
        if number in (55, 103) and (last is None or clock > last):
            last = clock
        if number == 211 and "current_day_resting_heart_rate" in message:
            found.append(["40443-4", clock, message["current_day_resting_heart_rate"]])
        if number == 229 and "vo2_max" in message:
            found.append(["vo2max", message["update_time"], message["vo2_max"]])

    Decoder(Stream.from_file(path)).read(
        convert_datetimes_to_dates=False, expand_components=True, mesg_listener=listen
    )
    lines = [[code, at(seconds).isoformat(), value] for code, seconds, value in found]
    for day, counts in steps.items():
        if at(last).date().isoformat() > day:
            lines.append(["41950-7", day, sum(counts.values())])
    return lines


for path in sys.argv[2:]:
    print(path)
    for line in sorted(measurements(path, int(sys.argv[1])), key=json.dumps):
        print(json.dumps(line))
