"""trial.py: what campaign.py and soak.py share: a lab in a folder of its own, checks that are
printed and counted, and an end that leaves nothing running, whatever has happened.
"""
import contextlib
import os
import random
import re
import shlex
import shutil
import signal
import sys
import tempfile

from lab import ROOT, Lab, log_grep, say

EVERYWHERE = ('FAULTS', 'BROKERS', 'RELAY', 'RELAY_ARGS', 'PG_CONFIG')
# A transaction that stands still for a quarter of it, as while a schema is refused, is split.
PATIENT = {'at-least-once': [], 'exactly-once': ['--kafka.transaction.timeout.ms=240000']}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def number(name, default):
    """A setting of the environment, of the default's type."""
    return type(default)(os.environ.get(name) or default)


def patterns():
    """FAULTS=: what it asks for."""
    return (os.environ.get('FAULTS') or '').replace(',', ' ').split()


class Trial:
    """SEED= MODE= RELAY= RELAY_ARGS= KEEP=.  What is tried is the heir's: go()."""

    def __init__(self, name, settings=()):
        self.seed = os.environ.get('SEED') or str(random.SystemRandom().randrange(10**9))
        self.mode = os.environ.get('MODE') or 'at-least-once'
        if self.mode not in ('at-least-once', 'exactly-once'):
            sys.exit(f'MODE={self.mode} is neither at-least-once nor exactly-once')
        self.dir = tempfile.mkdtemp(prefix=f'walrelay-{name}.')
        binary = os.environ.get('RELAY') or os.path.join(ROOT, 'build', 'walrelay')
        self.lab = Lab(self.dir, os.path.abspath(binary),
                       [f'--delivery={self.mode}', *PATIENT[self.mode], *settings, *shlex.split(os.environ.get('RELAY_ARGS') or '')])
        self.passed = self.failed = 0

    # ---- the heir's ----

    def title(self):
        """What is said at the beginning, behind seed and mode."""
        raise NotImplementedError

    def repeat(self):
        """(make's target, its settings, the names of others that hold if they are given)."""
        raise NotImplementedError

    def go(self):
        """The lab is not started yet."""
        raise NotImplementedError

    def release(self):
        """What else runs is ended, before the lab is."""

    def save(self):
        """The folder is kept, and the lab still runs."""

    def table(self):
        """Figures, in front of the last line."""

    # ---- everybody's ----

    def check(self, well, what, detail=''):
        self.passed, self.failed = self.passed + bool(well), self.failed + (not well)
        print(('ok   ' if well else 'FAIL ') + what, flush=True)
        if not well and detail:
            print('\n'.join('     ' + line[:600] for line in str(detail).splitlines()[:40]), flush=True)

    def check_server_log(self, expected='(?!)'):
        bad = [line for line in log_grep(self.lab.postgres.log, r'TRAP|signal (6|7|8|11)\b|walsender: (ERROR|PANIC)')
               if not re.search(expected, line)]
        self.check(not bad, "nothing of ours is wrong in the server's log", '\n'.join(bad))

    def log_end(self, name, lines=20):
        with contextlib.suppress(OSError), open(self.lab.path(name), errors='replace',
                                                encoding='utf-8') as file:
            return ''.join(file.readlines()[-lines:])
        return ''

    def repeat_command(self):
        target, settings, names = self.repeat()
        settings = {'SEED': self.seed, 'MODE': self.mode, **settings,
                    **{name: os.environ[name] for name in (*names, *EVERYWHERE) if os.environ.get(name)}}
        return f'make {target} ' + ' '.join(f'{name}={shlex.quote(str(value))}' for name, value in settings.items())

    def end(self, interrupted):
        """Nothing is left running, whatever has happened, and no second Ctrl-C stops that."""
        for signal_ in SIGNALS:
            signal.signal(signal_, signal.SIG_IGN)
        keep = self.failed or not (self.passed or interrupted)
        try:
            self.release()
            if keep and self.lab.watch and not interrupted:
                self.save()
        finally:
            self.lab.stop()
        left = self.lab.sweep()
        if not interrupted:
            self.check(not left, 'nothing had to be ended by force', '\n'.join(left))
        keep = keep or self.failed or os.environ.get('KEEP') and not interrupted
        if self.lab.mounts and keep:
            shutil.copy(self.lab.relay_log, self.lab.path('relay.log.kept'))
        self.lab.unmount()
        if keep:
            with open(self.lab.path('repeat'), 'w', encoding='utf-8') as file:
                file.write(self.repeat_command() + '\n')
            print(f'kept: {self.dir}\nrepeat: {self.repeat_command()}')
        else:
            shutil.rmtree(self.dir)

    def run(self):
        """The exit status."""
        def stop(signal_, _):
            raise SystemExit(128 + signal_)
        for signal_ in SIGNALS:
            signal.signal(signal_, stop)
        say(f'SEED={self.seed} MODE={self.mode} {self.title()}, in {self.dir}')
        interrupted = True
        try:
            self.go()
            interrupted = False
        except Exception as error:      # pylint: disable=broad-except
            self.check(False, f'{type(error).__name__}: {error}', self.log_end(self.lab.relay_log))
            interrupted = False
        finally:
            self.end(interrupted)
        self.table()
        print(f'{self.passed} passed, {self.failed} failed')
        return 1 if self.failed or not self.passed else 0


def main(trial, text):
    """The whole of a script whose docstring is text."""
    if sys.argv[1:]:
        print(text.strip())
        sys.exit(0 if sys.argv[1] in ('-h', '--help') else 2)
    sys.exit(trial().run())
