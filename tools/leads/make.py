"""Makes the demo's lead files from the UCI Bank Marketing data set.

    python3 tools/leads/make.py bank-additional.csv leads/

Rows are drawn with a fixed seed; subscribers are drawn more often than they occur, so that a
short demo has some. Names are invented; numbers are the fictional 555-01XX of North America.
"""

import csv
import random
import sys

SEED = 20261121
AREA_CODES = (201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218)
ENGLISH = (
    "Ada Ben Clara Dan Ella Finn Grace Hugo Iris Jack Kate Leo Mia Noah Olga Paul Ruth Sam Tess Will".split(),
    "Archer Baker Carter Dyer Fisher Glover Hunter Mason Miller Parker Potter Shepherd Slater Turner Weaver".split(),
)
CHINESE = (
    "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡".split(),
    "伟 芳 娜 敏 静 强 磊 军 洋 勇 艳 杰 涛 明 超 霞 平 刚 桂英 建华".split(),
)
COLUMNS = (
    "phone name age job marital education housing loan contact_type previous_contacts "
    "previous_outcome recorded_outcome"
).split()


def sample(rows, count, rng):
    """A quarter subscribers, the rest others, in random order."""
    yes = [row for row in rows if row["y"] == "yes"]
    no = [row for row in rows if row["y"] == "no"]
    drawn = rng.sample(yes, count // 4) + rng.sample(no, count - count // 4)
    rng.shuffle(drawn)
    return drawn


def write(path, rows, names, first_number, rng):
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for index, row in enumerate(rows):
            number = first_number + index
            area = AREA_CODES[number // 100]
            if names is CHINESE:
                name = rng.choice(names[0]) + rng.choice(names[1])
            else:
                name = f"{rng.choice(names[0])} {rng.choice(names[1])}"
            out.writerow(
                [
                    f"+1{area}55501{number % 100:02d}",
                    name,
                    row["age"],
                    row["job"].rstrip("."),
                    row["marital"],
                    row["education"],
                    row["housing"],
                    row["loan"],
                    row["contact"],
                    row["campaign"],
                    row["poutcome"],
                    row["y"],
                ]
            )


def main(source, folder):
    with open(source, encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    rng = random.Random(SEED)
    write(f"{folder}/business_loan.csv", sample(rows, 400, rng), ENGLISH, 0, rng)
    write(f"{folder}/business_loan_zh.csv", sample(rows, 100, rng), CHINESE, 400, rng)


if __name__ == "__main__":
    main(*sys.argv[1:])
