/*
 * replay.h
 *		With -DFUZZ_STANDALONE a fuzzer is a plain program that runs over the
 *		files it is given: to look at a finding, or where there is no libFuzzer.
 */
#ifndef T_FUZZ_REPLAY_H
#define T_FUZZ_REPLAY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FUZZ_STANDALONE
int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		FILE      *in = fopen(argv[i], "rb");
		struct buf buf = {0};
		size_t     got;

		if (in == NULL)
		{
			perror(argv[i]);
			return 1;
		}
		do
		{
			buf_reserve(&buf, 65536);
			got = fread(buf.data + buf.len, 1, 65536, in);
			buf.len += got;
		} while (got > 0);
		fclose(in);
		LLVMFuzzerTestOneInput(buf.data, buf.len);
		buf_free(&buf);
	}
	printf("%d replayed\n", argc - 1);
	return 0;
}
#endif

#endif /* T_FUZZ_REPLAY_H */
