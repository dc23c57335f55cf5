#!/usr/bin/env python3
"""Makes src/dialing/barred/{premium,emergency,lengths}.csv from the numbering plans that
libphonenumber keeps (Apache-2.0, https://github.com/google/libphonenumber).

    python3 -m venv target/peers/numbers
    target/peers/numbers/bin/pip install phonenumbers==9.0.43 interegular==0.3.3
    target/peers/numbers/bin/python tools/numbers/make.py

A row of premium.csv is a beginning of national numbers that, with so many digits in all, only
numbers have that bill whoever dials them more than a call.
"""

import csv
import pathlib
from collections import defaultdict

import interegular
import phonenumbers
from phonenumbers import PhoneMetadata

HERE = pathlib.Path(__file__).resolve().parents[2] / "src/dialing/barred"
LONGEST = 15  # ITU-T E.164
ORDINARY = (
    "fixed_line", "mobile", "toll_free", "shared_cost", "personal_number", "voip", "pager", "uan",
    "voicemail",
)
SUBSCRIBERS = ("fixed_line", "mobile", "voip", "toll_free")


def plans():
    """Each country code with the metadata of the regions and services behind it."""
    for code, regions in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()):
        found = [
            PhoneMetadata.metadata_for_nongeo_region(code)
            if region == "001"
            else PhoneMetadata.metadata_for_region(region)
            for region in regions
        ]
        yield str(code), [one for one in found if one is not None]


def patterns(regions, kinds):
    """What numbers of these kinds look like, without the country code, as an automaton."""
    found = set()
    for region in regions:
        for kind in kinds:
            description = getattr(region, kind)
            if description is not None and description.national_number_pattern:
                found.add(description.national_number_pattern)
    # Plans write no anchors and no groups that capture.
    return interegular.parse_pattern("|".join(sorted(found))).to_fsm() if found else None


class Walk:
    """An automaton, read digit by digit."""

    def __init__(self, automaton):
        self.automaton = automaton
        self.start = None if automaton is None else automaton.initial
        self.known = {}

    def step(self, state, digit):
        if state is None:
            return None
        letter = self.automaton.alphabet[digit]
        return self.automaton.map.get(state, {}).get(letter)

    def can_end(self, state, digits):
        """Whether some so many digits more make a whole number."""
        if state is None:
            return False
        if digits == 0:
            return state in self.automaton.finals
        key = (state, digits)
        if key not in self.known:
            self.known[key] = any(
                self.can_end(self.step(state, digit), digits - 1) for digit in "0123456789"
            )
        return self.known[key]


def beginnings(premium, ordinary, length):
    """The shortest beginnings that only premium numbers of this length have."""
    open_ones = [("", premium.start, ordinary.start)]
    while open_ones:
        digits, costly, plain = open_ones.pop()
        rest = length - len(digits)
        if not premium.can_end(costly, rest):
            continue
        if digits and not ordinary.can_end(plain, rest):
            yield digits
        elif rest > 0:
            open_ones += [
                (digits + digit, premium.step(costly, digit), ordinary.step(plain, digit))
                for digit in "9876543210"
            ]


def codes(walk, digits="", state=None):
    """Every number of a pattern of short codes."""
    state = state if digits else walk.start
    if walk.can_end(state, 0):
        yield digits
    for digit in "0123456789":
        after = walk.step(state, digit)
        if after is not None and len(digits) < 6 and any(walk.can_end(after, n) for n in range(6)):
            yield from codes(walk, digits + digit, after)


def emergency():
    """Each country code with an emergency code that is dialled there."""
    found = set()
    for region in sorted(phonenumbers.SUPPORTED_SHORT_REGIONS):
        metadata = PhoneMetadata.short_metadata_for_region(region)
        automaton = patterns([metadata], ["emergency"])
        country = phonenumbers.country_code_for_region(region)
        for code in codes(Walk(automaton)) if automaton is not None else ():
            found.add((country, code))
    return sorted(found)


def lengths_of(regions, kinds):
    return [
        length
        for region in regions
        for kind in kinds
        if getattr(region, kind) is not None
        for length in getattr(region, kind).possible_length
        if length > 0
    ]


def write(name, header, rows):
    rows = list(rows)
    with open(HERE / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    print(f"{name}: {len(rows)} rows")


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    premium, spans = [], []
    for code, regions in plans():
        costly, plain = Walk(patterns(regions, ["premium_rate"])), Walk(patterns(regions, ORDINARY))
        lengths = defaultdict(list)
        for length in range(1, LONGEST):
            for digits in beginnings(costly, plain, length):
                lengths[digits].append(str(length))
        premium += [(code, digits, " ".join(found)) for digits, found in sorted(lengths.items())]
        if subscribers := lengths_of(regions, SUBSCRIBERS):
            most = max(lengths_of(regions, ("premium_rate", *ORDINARY)))
            spans.append((code, min(subscribers), most))
    write("premium.csv", ("country_code", "begins_with", "digits"), premium)
    write("emergency.csv", ("country_code", "code"), emergency())
    write("lengths.csv", ("country_code", "fewest", "most"), spans)


if __name__ == "__main__":
    main()
