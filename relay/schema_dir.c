/*
 * schema_dir.c
 *		Schemas as files; see schema_dir.h.
 */
#include "schema_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"

static enum rc
folder_error(const char *path, struct err *e)
{
	int  code = errno;
	bool is_full = code == ENOSPC || code == EDQUOT;

	err_set(e, is_full ? ERR_TRANSIENT : ERR_CONFIG, E2007, "cannot write schemas to %s", path);
	err_detail(e, "%s.  Without a registry, consumers find the schemas in this folder.",
			   strerror(code));
	return err_hint(e, is_full ? "Make room on the file system of the folder."
							   : "Let this user write to the folder, or name another one with "
								 "--registry.schemas.dir=FOLDER, or set registry.url.");
}

/* Writes and syncs text into a new file. */
static int
write_file(const char *path, const char *text)
{
	int    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t len = strlen(text);
	size_t at = 0;

	if (fd < 0)
		return -1;
	while (at < len)
	{
		ssize_t n = write(fd, text + at, len - at);

		if (n < 0 && errno != EINTR)
			break;
		at += n > 0 ? (size_t) n : 0;
	}
	if (at == len && fsync(fd) == 0)
		return close(fd);
	close(fd);
	return -1;
}

static int
sync_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return rc;
}

enum rc
schema_dir_add(const char *dir, uint64_t fingerprint, const char *schema, struct err *e)
{
	char   *path = xasprintf("%s/%016llx.avsc", dir, (unsigned long long) fingerprint);
	char   *fresh = xasprintf("%s.%ld", path, (long) getpid());
	enum rc rc = RC_OK;

	if (access(path, F_OK) != 0 &&
		(write_file(fresh, schema) != 0 || rename(fresh, path) != 0 || sync_folder(dir) != 0))
	{
		rc = folder_error(path, e);
		unlink(fresh);
	}
	free(fresh);
	free(path);
	return rc;
}

enum rc
schema_dir_open(const char *dir, struct err *e)
{
	if ((mkdir(dir, 0755) != 0 && errno != EEXIST) || access(dir, W_OK | X_OK) != 0)
		return folder_error(dir, e);
	return RC_OK;
}
