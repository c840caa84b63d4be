#!/usr/bin/env python3
"""on_terminal.py COLUMNS STDOUT TRANSCRIPT COMMAND...: runs COMMAND with a terminal of so many
columns as its stdin and stderr, stdout in a file (-: the terminal, too), and writes down what the terminal gets.  SIGTERM is
passed on.  Exit status is COMMAND's."""
import fcntl
import os
import pty
import signal
import struct
import sys
import termios


def main():
    columns, stdout, transcript = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        if stdout != "-":
            os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 1)
        os.environ["TERM"] = "xterm"
        os.execvp(sys.argv[4], sys.argv[4:])
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
    with open(transcript, "wb", buffering=0) as out:
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            out.write(piece)
    status = os.waitpid(pid, 0)[1]
    sys.exit(os.waitstatus_to_exitcode(status))


main()
