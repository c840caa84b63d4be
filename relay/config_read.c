/*
 * config_read.c
 *		Settings from a file and from the environment; see config.h.
 *
 * The file is INI: inih takes lines apart, this file counts them.  A value is
 * the rest of its line, so that ";" and "#" may stand in passwords and lists.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>

#include "buf.h"
#include "config_table.h"

/* --- file ------------------------------------------------------------------ */

struct file
{
	struct config *cfg;
	FILE          *in;
	const char    *path;
	char          *line; /* as read, without blanks at its ends */
	size_t         cap;
	int            number;
	bool           failed;
	struct err    *e;
};

static bool
section_is_known(const char *section)
{
	for (unsigned i = 0; i < nsettings; i++)
		if (strcmp(settings[i].section, section) == 0)
			return true;
	return *section == '\0';
}

static int
file_fail_section(struct file *file, const char *section, const char *where)
{
	struct nearest near = {.name = ""};

	for (unsigned i = 0; i < nsettings; i++)
		nearest_offer(&near, section, settings[i].section);
	err_set(file->e, ERR_CONFIG, E1001, "unknown configuration section [%s]", section);
	err_detail(file->e, "It is in %s or above.", where);
	if (near.distance <= 3)
		err_hint(file->e, "Perhaps you meant [%s].", near.name);
	file->failed = true;
	return 0;
}

/* inih's copy of the value ends at its line limit: the whole one is in file->line. */
static int
file_take(void *user, const char *section, const char *name, const char *cut)
{
	struct file *file = user;
	const char  *value = strpbrk(file->line, "=:") + 1;
	char        *where;
	char        *key;
	int          taken = 1;

	(void) cut;
	if (file->failed)
		return 0;
	value += strspn(value, " \t");
	where = xasprintf("file %s, line %d", file->path, file->number);
	key = xasprintf("%s%s%s", section, *section ? "." : "", name);
	if (!section_is_known(section))
		taken = file_fail_section(file, section, where);
	else if (config_set(file->cfg, key, value, ORIGIN_FILE, where, file->e) != RC_OK)
	{
		file->failed = true;
		taken = 0;
	}
	free(key);
	free(where);
	return taken;
}

/*
 * Hands inih the next line as far as it has room.  Blanks at the beginning are
 * taken away: to inih they would make the line part of the value above.
 */
static char *
file_line(char *out, int size, void *stream)
{
	struct file *file = stream;
	ssize_t      len = file->failed ? -1 : getline(&file->line, &file->cap, file->in);
	size_t       blank;

	if (len < 0)
		return NULL;
	file->number++;
	while (len > 0 && isspace((unsigned char) file->line[len - 1]))
		len--;
	file->line[len] = '\0';
	blank = strspn(file->line, " \t");
	memmove(file->line, file->line + blank, (size_t) len - blank + 1);
	snprintf(out, (size_t) size, "%s", file->line);
	return out;
}

static enum rc
file_open(const char *path, FILE **in, struct err *e)
{
	*in = fopen(path, "re");
	if (*in)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1004, "configuration file \"%s\" cannot be read: %s", path,
			strerror(errno));
	return err_hint(e, "Name a file that exists and that walrelay's user may read.");
}

enum rc
config_read_file(struct config *cfg, const char *path, struct err *e)
{
	struct file file = {.cfg = cfg, .path = path, .e = e};
	int         bad;
	bool        broken;

	if (file_open(path, &file.in, e) != RC_OK)
		return RC_ERR;
	bad = ini_parse_stream(file_line, &file, file_take, &file);
	broken = ferror(file.in) != 0;
	fclose(file.in);
	free(file.line);
	if (file.failed)
		return RC_ERR;
	if (broken)
		return err_set(e, ERR_CONFIG, E1004, "configuration file \"%s\" cannot be read: %s", path,
					   strerror(EIO));
	if (bad == 0)
		return RC_OK;
	err_set(e, ERR_CONFIG, E1004, "line %d of configuration file \"%s\" is not understood", bad,
			path);
	return err_hint(e, "Write [section], or key = value, or begin a comment with \"#\".");
}

/* --- environment ------------------------------------------------------------ */

#define PREFIX "WALRELAY_"

/* What Kubernetes sets in every container for a service that is named walrelay... */
static bool
variable_is_service_link(const char *name)
{
	return strstr(name, "_SERVICE_HOST") || strstr(name, "_SERVICE_PORT") ||
		   strstr(name, "_PORT_") || strcmp(name + strlen(name) - 5, "_PORT") == 0;
}

/* True if what follows the prefix begins with a section's name. */
static bool
variable_names_section(const char *key)
{
	for (unsigned i = 0; i < nsettings; i++)
	{
		size_t len = strlen(settings[i].section);

		if (strncmp(key, settings[i].section, len) == 0 && key[len] == '.')
			return true;
	}
	return false;
}

static enum rc
variable_unknown(const char *name, struct nearest *near, struct err *e)
{
	char variable[SETTING_PATH_MAX];

	setting_variable(near->name, variable);
	err_set(e, ERR_CONFIG, E1001, "unknown configuration variable %s in the environment", name);
	return err_hint(e, "Perhaps you meant %s.", variable);
}

/*
 * Variables of other things may begin with WALRELAY_, too.  So one that names
 * no section is let pass, unless it looks like one of ours with a slip in it.
 */
static enum rc
variable_take(struct config *cfg, const char *name, const char *value, struct err *e)
{
	char          *where = xasprintf("environment variable %s", name);
	char          *key = xstrdup(name + strlen(PREFIX));
	struct nearest near = {.name = ""};
	enum rc        rc = RC_OK;

	for (char *c = key; *c; c++)
		*c = *c == '_' ? '.' : (char) tolower((unsigned char) *c);
	config_nearest(key, &near);
	if (variable_names_section(key))
		rc = config_set(cfg, key, value, ORIGIN_ENVIRONMENT, where, e);
	else if (near.distance > 0 && near.distance <= 2 && strchr(near.name, '.'))
		rc = variable_unknown(name, &near, e);
	if (rc == RC_ERR && e->code == E1001)
	{
		config_nearest(key, &near);
		if (nearest_is_near(&near, key))
			variable_unknown(name, &near, e);
	}
	free(key);
	free(where);
	return rc;
}

enum rc
config_read_environment(struct config *cfg, char **environ_, struct err *e)
{
	for (char **at = environ_; *at; at++)
	{
		const char *equals = strchr(*at, '=');
		char       *name;
		enum rc     rc = RC_OK;

		if (strncmp(*at, PREFIX, strlen(PREFIX)) != 0 || equals == NULL)
			continue;
		name = xstrndup(*at, (size_t) (equals - *at));
		if (!variable_is_service_link(name))
			rc = variable_take(cfg, name, equals + 1, e);
		free(name);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}
