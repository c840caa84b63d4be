"""check.py PAGE: run what PAGE (docs/PAGE.md, or README.md) tells its reader to run, as it stands
there, in order, in one bash, in a folder of its own; print TAP, a line for each block.

A fenced block says by the word behind its language what becomes of it:

    ```sh run          the commands must succeed: each of them, also one in the middle
    ```sh fails        they must fail
    ```sh poll         again and again until they succeed and print what the block output says
    ```sql run, poll   the same, by psql
    ```X file=NAME     becomes the file NAME
    ```text output     what the block before has printed: these lines, in this order, with others
                       between them; "..." in a line is whatever there is

What readers need not see is in comments: <!-- run, <!-- poll, each with the commands in the lines
behind it, up to -->.  lab.sh and PAGE.sh, both beside this file, are sourced first: they start the
servers and set what the page says that its reader has set.  If they define "localize", each block
that is shown goes through it, in a file, before it is used: for names of hosts, and for what a
reader ends by Ctrl-C.  Called by contrib/docs-check.
"""
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

BLOCK_S = 900		# what one block may take
SETUP_S = 7200		# what the setup may, as it may download
POLL_S = 240		# until what it waits for must have come
HIDDEN = re.compile(r'( *)<!-- (run|poll)$')
FENCE = re.compile(r'( *)```(\S+) (run|fails|poll|output|file=\S+)$')
LOCALIZE = 'if declare -F localize >/dev/null; then localize {}; fi'


@dataclass
class Block:
    line: int
    language: str
    action: str
    text: str
    shown: bool = False
    output: str = ''


def blocks_read(name):
    """The blocks of a page that something is to be done with."""
    blocks, open_block, end, indent = [], None, None, ''
    with open(name, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip('\n')
            if open_block:
                if line.strip() != end:
                    open_block.text += line.removeprefix(indent) + '\n'
                    continue
                if open_block.action == 'output':
                    blocks[-1].output = open_block.text
                else:
                    blocks.append(open_block)
                open_block = None
            elif found := HIDDEN.match(line):
                open_block, end = Block(number, 'sh', found[2], ''), '-->'
                indent = found[1]
            elif found := FENCE.match(line):
                open_block, end = Block(number, found[2], found[3], '', True), '```'
                indent = found[1]
    if open_block:
        sys.exit(f'{name}:{open_block.line}: the block has no end')
    return blocks


def output_lacks(wanted, printed):
    """The first of the wanted lines that is not there in its place; None: all are."""
    lines = iter(printed.splitlines())
    for line in wanted.splitlines():
        pattern = '.*'.join(re.escape(part) for part in line.rstrip().split('...'))
        if not any(re.fullmatch(pattern, other.rstrip()) for other in lines):
            return line
    return None


class Shell:
    """One bash that runs command after command and ends with the first that fails."""

    def __init__(self, root, page, folder):
        self.folder, self.count, self.ended = folder, 0, False
        self.told, tell = os.pipe()
        self.tell = tell
        self.bash = subprocess.Popen(
            ['bash', '--noprofile', '--norc'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            stderr=subprocess.DEVNULL, cwd=folder, start_new_session=True, pass_fds=[tell],
            env={**os.environ, 'ROOT': root, 'WORK': folder})
        os.close(tell)
        self.send('set -eo pipefail; trap "if declare -F finish; then finish; fi" EXIT')
        self.setup = f'. "$ROOT/contrib/documents/lab.sh"; . "$ROOT/contrib/documents/{page}.sh"\n'

    def send(self, command):
        try:
            self.bash.stdin.write(command + '\n')
            self.bash.stdin.flush()
        except BrokenPipeError:
            pass

    def run(self, command, limit=BLOCK_S, localized=False):
        """(has it succeeded, what it has printed); it has not if the shell has ended."""
        self.count += 1
        base = os.path.join(self.folder, f'.block{self.count}')
        with open(base, 'w', encoding='utf-8') as file:
            file.write(command)
        if localized:
            self.send(LOCALIZE.format(base))
        # What it leaves in the background must not hold our pipe open.
        self.send(f'. {base} </dev/null >{base}.out 2>&1 {self.tell}>&-; echo done >&{self.tell}')
        ready, _, _ = select.select([self.told], [], [], limit)
        succeeded = bool(ready) and os.read(self.told, 5) == b'done\n'
        self.ended = not succeeded
        try:
            with open(base + '.out', encoding='utf-8', errors='replace') as file:
                return succeeded, file.read() if ready else f'{file.read()}(no end after {limit} s)\n'
        except FileNotFoundError:
            return False, 'the shell had ended\n'

    def end(self):
        """Its trap ends what the page's setup has started; the rest is killed."""
        self.send('exit')
        try:
            self.bash.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.bash.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.bash.wait()


def command_of(block):
    """What bash is to run for it."""
    if block.language == 'sql':
        return f"psql -X -v ON_ERROR_STOP=1 <<'END OF SQL'\n{block.text}END OF SQL\n"
    return block.text


def block_run(shell, block):
    """What is wrong with it; None: nothing."""
    if block.action.startswith('file='):
        with open(os.path.join(shell.folder, block.action[5:]), 'w', encoding='utf-8') as file:
            file.write(block.text)
        return None if shell.run(LOCALIZE.format(block.action[5:]))[0] else 'it is not one for this machine'
    command = command_of(block)
    if block.action == 'fails':
        command = f'if (set -e\n{command}); then echo "it has not failed"; false; fi\n'
    if block.action == 'poll':
        command = f'if (set -e\n{command}); then echo "status 0"; else echo "status $?"; fi\n'
    deadline = time.monotonic() + POLL_S
    while True:
        succeeded, printed = shell.run(command, BLOCK_S if block.line else SETUP_S, block.shown)
        lacks = output_lacks(block.output, printed)
        if block.action == 'poll' and succeeded and not printed.endswith('status 0\n'):
            lacks = lacks or 'status 0'
        if not succeeded:
            return 'it failed:\n' + printed
        if lacks is None:
            return None
        if block.action != 'poll' or time.monotonic() > deadline:
            return f'it has not printed, in its place: {lacks}\nbut:\n{printed}'
        time.sleep(0.5)


def logs_print(folder):
    """The ends of the logs that the page's commands have left."""
    for name in sorted(os.listdir(folder)):
        if name.endswith('.log'):
            with open(os.path.join(folder, name), encoding='utf-8', errors='replace') as file:
                for line in [f'-- {name}:\n', *file.readlines()[-20:]]:
                    print('#   ' + line[:300].rstrip())


def page_run(root, page):
    """Its blocks; how many cases there were, and how many failed."""
    name = page + '.md' if page == 'README' else f'docs/{page}.md'
    blocks = blocks_read(os.path.join(root, name))
    folder = tempfile.mkdtemp(prefix='walrelay-docs.')
    os.chmod(folder, 0o755)
    shell = Shell(root, page, folder)
    cases = [(f'contrib/documents/{page}.sh', Block(0, 'sh', 'run', shell.setup))]
    cases += [(f'{name}:{block.line} {block.language} {block.action}', block) for block in blocks]
    failed, ended = 0, False
    try:
        for number, (name, block) in enumerate(cases, 1):
            start = time.monotonic()
            why = 'the shell had ended' if ended else block_run(shell, block)
            ended = ended or shell.ended
            print(f"{'not ok' if why else 'ok'} {number} - {name} ({time.monotonic() - start:.1f} s)", flush=True)
            if why:
                failed += 1
                for line in why.rstrip().split('\n')[-60:]:
                    print('#   ' + line)
        if failed:
            logs_print(folder)
    finally:
        shell.end()
        shutil.rmtree(folder, ignore_errors=True)
    return len(cases), failed


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    cases, failed = page_run(root, sys.argv[1])
    print(f'1..{cases}')
    sys.exit(failed > 0)


main()
