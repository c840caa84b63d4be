/*
 * secret_file.c
 *		Secrets out of files; see secret_file.h.
 */
#include "secret_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"

#define SECRET_MAX (64 * 1024)

/* The path to open; the caller frees it. */
static char *
path_find(const char *path)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (credentials && *credentials && strchr(path, '/') == NULL)
		return xasprintf("%s/%s", credentials, path);
	return xstrdup(path);
}

static enum rc
cannot_read(const char *key, const char *path, const char *where, int error, struct err *e)
{
	err_set(e, ERR_CONFIG, E1004, "file with \"%s\" cannot be read: %s", key, strerror(error));
	err_detail(e, "File \"%s\" is named by the %s.", path, where);
	if (error == EACCES)
		return err_hint(e, "Give it to walrelay's user: chown %u %s && chmod 400 %s", (unsigned) getuid(),
						path, path);
	return err_hint(e, "Make it a file of less than 64 kB that walrelay's user may read.");
}

enum rc
secret_file_read(const char *key, const char *path, const char *where, char **value, struct err *e)
{
	char  *found = path_find(path);
	FILE  *in = fopen(found, "re");
	char   text[SECRET_MAX];
	size_t len = 0;
	int    error = in ? 0 : errno;
	enum rc rc = RC_OK;

	if (in)
	{
		setvbuf(in, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
		len = fread(text, 1, sizeof(text), in);
		error = ferror(in) ? errno : len == sizeof(text) ? EFBIG : 0;
		fclose(in);
	}
	if (error)
		rc = cannot_read(key, found, where, error, e);
	free(found);
	if (len > 0 && text[len - 1] == '\n') /* an editor leaves it */
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (rc == RC_OK)
		*value = xstrndup(text, len);
	explicit_bzero(text, sizeof(text));
	return rc;
}

/* --- which there are ------------------------------------------------------------------ */

static void
file_free(struct secret_file *file)
{
	free(file->key);
	free(file->path);
	free(file->where);
	free(file);
}

void
secret_file_note(struct secret_file **list, const char *key, const char *path, const char *where)
{
	struct secret_file *file;

	while (*list && strcmp((*list)->key, key) != 0)
		list = &(*list)->next;
	if ((file = *list) != NULL)
	{
		*list = file->next;
		file_free(file);
	}
	if (path == NULL)
		return;
	file = xcalloc(1, sizeof(*file));
	file->key = xstrdup(key);
	file->path = xstrdup(path);
	file->where = xstrdup(where);
	file->next = *list;
	*list = file;
}

void
secret_file_free_all(struct secret_file **list)
{
	while (*list)
	{
		struct secret_file *file = *list;

		*list = file->next;
		file_free(file);
	}
}

void
secret_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}
