"""Counts outcomes by stratum for `ledgerline sim history`.

Usage: python3 tools/outcomes/make.py bank-additional.csv > src/sim/history/outcomes.csv

The input is the Bank Marketing data set (bank-additional), CC BY 4.0; leads/README.md names the
source. Only counts leave it: contacts and subscriptions by job, earlier outcome and kind of phone.
"""

import collections
import csv
import sys

COLUMNS = ("job", "poutcome", "contact")


def main(path):
    contacts, sales = collections.Counter(), collections.Counter()
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter=";"):
            stratum = tuple(row[column] for column in COLUMNS)
            contacts[stratum] += 1
            sales[stratum] += row["y"] == "yes"
    print("job,previous_outcome,contact_type,contacts,sales")
    for stratum in sorted(contacts):
        print(*stratum, contacts[stratum], sales[stratum], sep=",")


if __name__ == "__main__":
    main(sys.argv[1])
