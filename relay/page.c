/*
 * page.c
 *		page.html in the program's read-only data, and what it may do; see page.h.
 *
 * The digests are taken from the page that is served, so no build can have others.
 */
#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define SHA256_BYTES 32
#define SHA256_BASE64 (4 * ((SHA256_BYTES + 2) / 3) + 1)

/* The assembler finds it as the compiler finds headers.  Makefile: page.o depends on it. */
__asm__(".section .rodata\n"
		".global page_begin, page_end\n"
		".hidden page_begin, page_end\n"
		"page_begin: .incbin \"page.html\"\n"
		"page_end: .byte 0\n"
		".previous\n");

extern const char page_begin[], page_end[];

void
page_html(struct buf *out)
{
	buf_put(out, page_begin, (size_t) (page_end - page_begin));
}

/* What is between these two, which the page has once, as a policy names it: SHA-256 in base64. */
static void
digest_of(const char *open, const char *close, char digest[SHA256_BASE64])
{
	const char   *from = strstr(page_begin, open) + strlen(open);
	size_t        len = (size_t) (strstr(from, close) - from);
	unsigned char sha[SHA256_BYTES];

	if (EVP_Digest(from, len, sha, NULL, EVP_sha256(), NULL) != 1)
		abort(); /* a libcrypto without SHA-256 */
	EVP_EncodeBlock((unsigned char *) digest, sha, sizeof(sha));
}

const char *
page_policy(void)
{
	static char policy[400];
	char        style[SHA256_BASE64], script[SHA256_BASE64];

	if (policy[0])
		return policy;
	digest_of("<style>", "</style>", style);
	digest_of("<script>", "</script>", script);
	snprintf(policy, sizeof(policy),
			 "default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; connect-src 'self'; "
			 "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
			 "require-trusted-types-for 'script'; trusted-types 'none'",
			 style, script);
	return policy;
}
