/*
 * position_header.c
 *		One more header; see position_header.h.
 */
#include "position_header.h"

#include <endian.h>
#include <string.h>

void
position_headers_add(struct position_headers *ph, uint64_t commit_lsn, uint64_t place,
					 struct outgoing *out, unsigned nout)
{
	for (unsigned i = 0; i < nout; i++)
	{
		uint64_t       numbers[2] = {htobe64(commit_lsn), htobe64(place + i)};
		struct header *headers = ph->headers[i];
		unsigned       n = out[i].nheaders < HEADERS_MAX ? out[i].nheaders : HEADERS_MAX;

		if (n > 0)
			memcpy(headers, out[i].headers, n * sizeof(*headers));
		memcpy(ph->values[i], numbers, sizeof(numbers));
		headers[n] = (struct header){"__walrelay.position",
									 {(const char *) ph->values[i], sizeof(numbers)}};
		out[i].headers = headers;
		out[i].nheaders = n + 1;
	}
}
