/*
 * page.h
 *		The page for people at /: page.html, which is in the program.
 *
 * One file without anything from elsewhere.  All that it shows it asks /status for, every
 * second, in the reader's browser.
 */
#ifndef RELAY_PAGE_H
#define RELAY_PAGE_H

#include "buf.h"

/* Appends the page: HTML in UTF-8. */
void page_html(struct buf *out);

/*
 * The Content-Security-Policy for what we answer: no script and no style but the page's own, known by
 * their SHA-256, no address but ours, and no text that becomes markup.  Lives as long as the process.
 */
const char *page_policy(void);

#endif /* RELAY_PAGE_H */
