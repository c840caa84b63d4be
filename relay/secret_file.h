/*
 * secret_file.h
 *		Files that hold secrets, which KEY.file names.
 *
 * Where one is, and what is in it; which of them settings came from, so that they can be read
 * again when somebody has renewed them.  Called by config.c.
 */
#ifndef RELAY_SECRET_FILE_H
#define RELAY_SECRET_FILE_H

#include "err.h"

/*
 * What the file holds, without the newline at its end; the caller wipes and frees it.  A path
 * without "/" is a credential of the systemd unit, if there is $CREDENTIALS_DIRECTORY.  key and where
 * are for the error: E1004.
 */
enum rc secret_file_read(const char *key, const char *path, const char *where, char **value,
						 struct err *e) MUST_CHECK;

/* One that a setting came from. */
struct secret_file
{
	char               *key;
	char               *path;
	char               *where;
	struct secret_file *next;
};

/* key is from path now; path NULL: from no file any more. */
void secret_file_note(struct secret_file **list, const char *key, const char *path,
					  const char *where);
void secret_file_free_all(struct secret_file **list);

/* Wipes what is in text, and frees it; NULL is nothing. */
void secret_free(char *text);

#endif /* RELAY_SECRET_FILE_H */
