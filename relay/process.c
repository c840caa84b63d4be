/*
 * process.c
 *		/proc/self; see process.h.
 */
#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A small file of /proc as a string; "" if there is none. */
static void
proc_read(const char *path, char *text, size_t size)
{
	int     fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
}

static int64_t
clock_us(clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Without the one that it takes to look; 0: they cannot be counted. */
static uint64_t
count_fds(void)
{
	DIR           *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	uint64_t       count = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count - 1;
}

void
process_read(struct metrics_process *process)
{
	char          text[256];
	uint64_t      pages;
	uint64_t      pages_resident;
	struct rlimit files;

	proc_read("/proc/self/statm", text, sizeof(text));
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &pages, &pages_resident) == 2)
	{
		process->virtual = pages * (uint64_t) sysconf(_SC_PAGESIZE);
		process->resident = pages_resident * (uint64_t) sysconf(_SC_PAGESIZE);
	}
	process->cpu_us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	process->open_fds = count_fds();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		process->max_fds = files.rlim_cur;
}

/* proc(5): field 22 of stat, in clock ticks since boot; 0: not known. */
int64_t
process_start_us(void)
{
	char        text[1024];
	const char *name_end;
	uint64_t    ticks;

	proc_read("/proc/self/stat", text, sizeof(text));
	name_end = strrchr(text, ')'); /* the name may have blanks */
	if (name_end == NULL ||
		sscanf(name_end + 1,
			   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
			   "%*d %*d %*d %" SCNu64,
			   &ticks) != 1)
		return 0;
	return clock_us(CLOCK_REALTIME) - clock_us(CLOCK_BOOTTIME) +
		   (int64_t) (ticks * 1000000 / (uint64_t) sysconf(_SC_CLK_TCK));
}
