"""When a record has arrived at a consumer that waited for it; imported by startup and
scorecard.  Needs the package kcat."""
import os
import select
import subprocess
import time

from cluster import die

AT_END = b'Reached end of topic'        # what kcat says there
DEADLINE_S = 20


class Witness:
    """kcat at the end of a topic; ready when it exists."""

    def __init__(self, brokers, topic, deadline_s=DEADLINE_S):
        self.deadline_s = deadline_s
        self.process = subprocess.Popen(
            ['kcat', '-C', '-u', '-b', brokers, '-t', topic, '-p', '0', '-o', 'end', '-f', '%s'],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        try:
            said = self.read_until(self.process.stderr, AT_END)
            if AT_END not in said:
                die(f'kcat does not read {topic}: {said.decode(errors="replace")}')
        except BaseException:
            self.close()
            raise

    def read_until(self, pipe, mark):
        """What comes, up to the read that completes the mark, the end or the deadline."""
        read, deadline = b'', time.monotonic() + self.deadline_s
        while mark not in read:
            if not select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
                break
            chunk = os.read(pipe.fileno(), 65536)
            if not chunk:
                break
            read += chunk
        return read

    def row(self, mark):
        """Waits for the row with that mark: the clock, or None when it did not come."""
        return time.perf_counter() if mark in self.read_until(self.process.stdout, mark) else None

    def close(self):
        self.process.kill()
        self.process.communicate()
