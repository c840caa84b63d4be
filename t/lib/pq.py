"""pq.py: the few calls of libpq that test campaigns need, by ctypes: libpq is there
wherever the relay runs, a Python driver is not.  One connection a thread; calls
release the interpreter, so threads of one process are sessions side by side.
Imported by contrib/storm and contrib/bench/tables; never by anything that ships.
"""
import ctypes
import ctypes.util


class Error(Exception):
    """What the server said; state: its SQLSTATE, '' if the connection is lost."""

    def __init__(self, text, state):
        super().__init__(text.strip())
        self.state = state


def _library():
    name = ctypes.util.find_library('pq') or 'libpq.so.5'
    lib = ctypes.CDLL(name)
    for function, result, arguments in (
            ('PQconnectdb', ctypes.c_void_p, [ctypes.c_char_p]),
            ('PQfinish', None, [ctypes.c_void_p]),
            ('PQstatus', ctypes.c_int, [ctypes.c_void_p]),
            ('PQerrorMessage', ctypes.c_char_p, [ctypes.c_void_p]),
            ('PQexec', ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
            ('PQclear', None, [ctypes.c_void_p]),
            ('PQresultStatus', ctypes.c_int, [ctypes.c_void_p]),
            ('PQresultErrorField', ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int]),
            ('PQresultErrorMessage', ctypes.c_char_p, [ctypes.c_void_p]),
            ('PQntuples', ctypes.c_int, [ctypes.c_void_p]),
            ('PQnfields', ctypes.c_int, [ctypes.c_void_p]),
            ('PQgetisnull', ctypes.c_int, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
            ('PQgetvalue', ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int])):
        entry = getattr(lib, function)
        entry.restype, entry.argtypes = result, arguments
    return lib


LIB = _library()
CONNECTION_OK, COMMAND_OK, TUPLES_OK = 0, 1, 2
SQLSTATE = ord('C')


class Session:
    """A connection; conninfo as libpq takes it.  Close it, or use it with "with"."""

    def __init__(self, conninfo):
        self.conn = LIB.PQconnectdb(conninfo.encode())
        if LIB.PQstatus(self.conn) != CONNECTION_OK:
            text = LIB.PQerrorMessage(self.conn).decode()
            self.close()
            raise Error(text, '')

    def close(self):
        if self.conn:
            LIB.PQfinish(self.conn)
            self.conn = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def rows(self, sql):
        """Runs sql (UTF-8), which may be several statements: the last one's rows as
        lists of text or None.  Raises Error."""
        result = LIB.PQexec(self.conn, sql.encode())
        try:
            status = LIB.PQresultStatus(result)
            if status not in (COMMAND_OK, TUPLES_OK):
                state = LIB.PQresultErrorField(result, SQLSTATE) or b''
                text = LIB.PQresultErrorMessage(result) or LIB.PQerrorMessage(self.conn) or b''
                raise Error(text.decode(errors='replace'), state.decode())
            return [[None if LIB.PQgetisnull(result, row, field)
                     else LIB.PQgetvalue(result, row, field).decode()
                     for field in range(LIB.PQnfields(result))]
                    for row in range(LIB.PQntuples(result))]
        finally:
            LIB.PQclear(result)

    def value(self, sql):
        """The first value of the first row, None if there is no row."""
        rows = self.rows(sql)
        return rows[0][0] if rows else None


def literal(text):
    """text as an SQL string constant, NULL for None; standard_conforming_strings is on."""
    return 'NULL' if text is None else "'" + text.replace("'", "''") + "'"
