"""The SQL shell on a terminal of its own (a pty), driven as a person would.

Arguments: the program, and a data folder with a log in it.
Prints one line of JSON per check: its name, whether it held, and what was seen where it did not.
"""

import json
import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
import traceback

PROGRAM, FOLDER = sys.argv[1:3]
CHECKS = []
# How long something may take that is waited for.
LIMIT = 120
PROMPT = "ledgerline> "


def check(function):
    CHECKS.append(function)
    return function


def say(**line):
    print(json.dumps(line), flush=True)


class Shell:
    def __init__(self, *args):
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.execve(PROGRAM, [PROGRAM, "sql", "--data-dir", FOLDER, *args], environment)
        self.seen = ""
        self.until(PROMPT)

    def until(self, part, nudge=None):
        """Reads until a part is there, and gives what came up to its end."""
        end = time.monotonic() + LIMIT
        while part not in self.seen:
            left = end - time.monotonic()
            assert left > 0, f"{part!r} does not come after {self.seen!r}"
            ready, _, _ = select.select([self.terminal], [], [], min(left, 0.2))
            if ready:
                try:
                    piece = os.read(self.terminal, 65_536)
                except OSError:
                    raise AssertionError(f"it ended without {part!r}: {self.seen!r}")
                # The line that is edited is drawn again and again, after a carriage return.
                self.seen += re.sub(r"\r|\x1b\[[0-9;?]*[A-Za-z]", "", piece.decode())
            elif nudge:
                os.write(self.terminal, nudge)
        before, self.seen = self.seen.split(part, 1)
        return before

    def send(self, text):
        os.write(self.terminal, text.encode())

    def ask(self, text, prompt=PROMPT):
        """What one line gives, up to the next prompt."""
        self.send(text + "\n")
        return self.until("\n" + prompt)

    def end(self, text):
        self.send(text)
        _, status = os.waitpid(self.child, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


def holds(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not in {text!r}"


@check
def a_question_of_several_lines_is_answered():
    shell = Shell()
    holds(shell.ask("select 40 + 2 as answer;"), "answer", "42", "(1 row)")
    shell.send("select\n")
    shell.until("-> ")
    shell.send("'a;' as b -- not here;\n")
    shell.until("-> ")
    holds(shell.ask("; select 7 as c;"), "a;", "7")
    assert shell.end("\\q\n") == 0


@check
def an_error_does_not_end_it():
    shell = Shell()
    holds(shell.ask("select * from nowhere;"), "nowhere")
    holds(shell.ask("delete from leads;"), "only questions")
    holds(shell.ask("\\nonsense"), "\\?")
    holds(shell.ask("set nothing = 1;"), "as_of, statement_timeout")
    holds(shell.ask("select 1 as fine;"), "fine")
    assert shell.end("\x04") == 0


@check
def tables_and_columns_are_listed():
    shell = Shell()
    holds(shell.ask("\\d"), "attempts", "table", "operational", "calls_hourly", "view")
    views = shell.ask("\\dv")
    holds(views, "calls_hourly")
    assert "attempts " not in views, views
    holds(shell.ask("\\d attempts"), "call_id", "varchar", "The call; the key.")
    holds(shell.ask("\\d operational.calls_hourly"), "timestamp with time zone")
    holds(shell.ask("\\d attempt"), "did you mean", "attempts")
    holds(shell.ask("\\?"), "\\timing", "\\as_of")
    assert shell.end("\\q\n") == 0


@check
def time_is_told():
    shell = Shell()
    holds(shell.ask("\\timing"), "timing is on")
    assert re.search(r"Time: \d+\.\d{3} ms", shell.ask("select 1;"))
    holds(shell.ask("\\timing off"), "timing is off")
    assert "Time:" not in shell.ask("select 1;")
    assert shell.end("\\q\n") == 0


@check
def rows_are_printed_in_every_shape():
    shell = Shell()
    question = "select 1 as n, 'a,b' as t;"
    shell.ask("\\x on")
    holds(shell.ask(question), "-[ 1 ]-", "n | 1", "t | a,b")
    shell.ask("\\format csv")
    holds(shell.ask(question), "n,t", '1,"a,b"')
    shell.ask("\\format json")
    holds(shell.ask(question), '{"n":1,"t":"a,b"}')
    shell.ask("\\format table")
    shell.ask("\\x off")
    holds(shell.ask("select value from generate_series(1, 10001);"), "the first 10000 rows")
    assert shell.end("\\q\n") == 0


@check
def an_earlier_moment_is_asked_about():
    shell = Shell()
    count = "select count(*) + 1000 as n from events;"
    holds(shell.ask("\\as_of 3", "ledgerline as of 3> "), "as of 3 from now on")
    holds(shell.ask(count, "ledgerline as of 3> "), "1004")
    holds(shell.ask("show as_of;", "ledgerline as of 3> "), "3")
    shell.ask("set as_of = 'head';")
    assert "1004" not in shell.ask(count)
    holds(shell.ask("\\as_of yesterday"), "head")
    assert shell.end("\\q\n") == 0


@check
def names_are_completed():
    shell = Shell()
    shell.send("select count(*) + 500 as n from attem\t")
    shell.until("attempts")
    holds(shell.ask(" where fal\t;"), "500")
    assert shell.end("\\q\n") == 0


@check
def ctrl_c_ends_the_question_and_not_the_shell():
    shell = Shell()
    shell.send("select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b where (a.value * b.value) % 7 = 3;\n")
    shell.until("\n")
    shell.until("cancelled", nudge=b"\x03")
    shell.until(PROMPT)
    # A line that is typed is given up as well.
    shell.send("select nonsense\n")
    shell.until("-> ")
    shell.send("\x03")
    shell.until(PROMPT)
    holds(shell.ask("select 40 + 2 as answer;"), "42")
    assert shell.end("\\q\n") == 0


@check
def what_was_typed_is_kept_for_its_owner():
    shell = Shell()
    shell.ask("select 1234 as remembered;")
    assert shell.end("\\q\n") == 0
    path = os.path.join(FOLDER, "sql_history")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, oct(os.stat(path).st_mode)
    holds(open(path).read(), "select 1234 as remembered;")
    shell = Shell()
    shell.send("\x1b[A\x1b[A")
    shell.until("remembered")
    holds(shell.ask(""), "1234")
    assert shell.end("\\q\n") == 0


@check
def without_a_terminal_statements_are_read():
    def run(text, *args):
        command = [PROGRAM, "sql", "--data-dir", FOLDER, *args]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=LIMIT)

    done = run("select 41 as a; select 'x;' as b")
    assert done.returncode == 0, done
    holds(done.stdout, "41", "x;")
    done = run("set as_of = '3'; select count(*) as n from events;", "--format", "json")
    assert json.loads(done.stdout) == [{"n": 4}], done
    done = run("select 1 as first; select * from nowhere; select 2 as last;")
    assert done.returncode == 1, done
    holds(done.stdout, "first")
    assert "last" not in done.stdout, done
    assert len(done.stderr.splitlines()) == 1, done
    done = run(" ; -- nothing\n")
    assert done.returncode == 1, done
    holds(done.stderr, "no statement")


def main():
    wanted = sys.argv[3:]
    for function in CHECKS:
        if wanted and function.__name__ not in wanted:
            continue
        try:
            function()
        except Exception:
            say(check=function.__name__, ok=False, seen=traceback.format_exc())
        else:
            say(check=function.__name__, ok=True)


main()
