"""Runs notebooks without a browser: `python run.py [FOLDER] [NAME…]`.

In: the notebooks beside this file, a platform as `ledgerline.py` finds it. Out: in the folder
(`out` by default) each one as `.ipynb` with its output, and its pictures as PNG. Status 1 where a
cell failed; the others are run all the same.
"""

import os
import pathlib
import sys

import jupytext
import nbclient
import nbformat
from traitlets.config import Config

HERE = pathlib.Path(__file__).resolve().parent
NOTEBOOKS = [
    "operations", "funnel", "cohorts_and_rfm", "line_quality", "routing_audit", "experiment_readout",
]


def run(name: str, folder: pathlib.Path) -> str | None:
    """Runs one notebook; what went wrong, where it did."""
    notebook = jupytext.read(HERE / f"{name}.py", fmt="py:percent")
    client = nbclient.NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        resources={"metadata": {"path": str(HERE)}},
        # Nobody else on the machine can talk to the kernel.
        config=Config({"KernelManager": {"transport": "ipc"}}),
    )
    problem = None
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        problem = f"{error.ename}: {error.evalue}"
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return problem


def main(arguments: list[str]) -> int:
    folder = pathlib.Path(arguments[0] if arguments else "out").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("LEDGERLINE_PICTURES", str(folder))
    # A kernel of this very Python, whatever else is installed on the machine.
    kernels = folder / ".kernels" / "kernels" / "python3"
    kernels.mkdir(parents=True, exist_ok=True)
    command = f'["{sys.executable}", "-B", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    (kernels / "kernel.json").write_text(
        f'{{"argv": {command}, "display_name": "Python 3", "language": "python"}}'
    )
    os.environ["JUPYTER_PATH"] = str(kernels.parent.parent)
    status = 0
    for name in arguments[1:] or NOTEBOOKS:
        problem = run(name, folder)
        print(f"{name}: {'ok' if problem is None else 'failed'}", flush=True)
        if problem is not None:
            print(f"{name}: {problem}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
