/*
 * xid_view.c
 *		A snapshot's view of transactions; see xid_view.h.
 */
#include "xid_view.h"

#include <stdlib.h>

#include "buf.h"

/* A number, and *text behind it. */
static bool
number_take(const char **text, uint32_t *xid)
{
	const char *start = *text;
	uint64_t    value = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++)
		value = value * 10 + (uint64_t) (**text - '0'); /* 64 bits: the low half counts */
	*xid = (uint32_t) value;
	return *text > start;
}

static bool
char_take(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

bool
xid_view_read(const char *text, struct xid_view *view)
{
	bool   good;
	size_t max = 0;

	*view = (struct xid_view){0};
	good = number_take(&text, &view->xmin) && char_take(&text, ':') &&
		   number_take(&text, &view->xmax) && char_take(&text, ':');
	while (good && *text)
	{
		if (view->nxips == max)
		{
			max = max ? max * 2 : 16;
			view->xips = xrealloc(view->xips, max * sizeof(*view->xips));
		}
		good = (view->nxips == 0 || char_take(&text, ',')) &&
			   number_take(&text, &view->xips[view->nxips]);
		view->nxips++;
	}
	if (!good)
		xid_view_free(view);
	return good;
}

void
xid_view_free(struct xid_view *view)
{
	free(view->xips);
	*view = (struct xid_view){0};
}

void
xid_view_forget(struct xid_view *view, const char *xids)
{
	uint32_t xid;

	while (number_take(&xids, &xid))
	{
		size_t kept = 0;

		for (size_t i = 0; i < view->nxips; i++)
			if (view->xips[i] != xid)
				view->xips[kept++] = view->xips[i];
		view->nxips = kept;
		if (*xids == ',')
			xids++;
	}
}

bool
xid_view_sees(const struct xid_view *view, uint32_t xid)
{
	if ((int32_t) (xid - view->xmin) < 0)
		return true;
	if (xid_view_is_behind(view, xid))
		return false;
	for (size_t i = 0; i < view->nxips; i++)
		if (view->xips[i] == xid)
			return false;
	return true;
}
