"""Looks at what the notebooks left in a folder: every picture is there and shows something, every
notebook says which position it read, and none has a cell that failed."""

import ast
import json
import pathlib
import sys

from PIL import Image, ImageStat

NOTEBOOKS = pathlib.Path(__file__).resolve().parents[3] / "notebooks"
folder = pathlib.Path(sys.argv[1])


def pictures_of(source: str) -> list[str]:
    """The names that are given to `show`."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    shown = [call for call in calls if getattr(call.func, "id", "") == "show"]
    return [call.args[1].value for call in shown]


notebooks = seen = 0
for path in sorted(folder.glob("*.ipynb")):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert all(output["output_type"] != "error" for output in outputs), path.name
    printed = "".join("".join(output.get("text", "")) for output in outputs)
    assert printed.startswith("Log position "), f"{path.name}: {printed[:80]}"
    names = pictures_of((NOTEBOOKS / path.with_suffix(".py").name).read_text(encoding="utf-8"))
    drawn = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(drawn) == len(names) >= 3, f"{path.name}: {len(drawn)} of {len(names)} pictures"
    for name in names:
        picture = Image.open(folder / f"{name}.png").convert("RGB")
        # A frame with a title and axes and nothing in it stays below.
        body = picture.crop((0, picture.height // 6, picture.width, picture.height))
        deviation = max(ImageStat.Stat(body).stddev)
        assert min(picture.size) > 150 and deviation > 12, f"{name}: {picture.size}, {deviation:.1f}"
        coloured = sum(
            count
            for count, (red, green, blue) in body.getcolors(1 << 24)
            if max(red, green, blue) - min(red, green, blue) > 40
        )
        share = coloured / (body.width * body.height)
        assert share > 0.001, f"{name}: {share:.4%} of it has a colour"
        seen += 1
    notebooks += 1
print(f"{notebooks} notebooks, {seen} pictures")
