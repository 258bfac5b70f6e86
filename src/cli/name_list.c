/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/name_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/stop.h"

enum { NAME_BYTES = 65536, BLOCK_BYTES = 65536, ENDED = -1 };

tm_status tm_name_list_open(tm_name_list *list, const char *from, bool null_separated,
                            tm_error *error)
{
    struct stat st;
    bool is_stdin = strcmp(from, "-") == 0;
    *list = (tm_name_list){.from = from, .end = null_separated ? '\0' : '\n'};
    list->fd = is_stdin ? STDIN_FILENO : open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (list->fd < 0 || fstat(list->fd, &st) != 0)
        return tm_fail(error, tm_errno_status(list->fd < 0 ? TM_NOT_FOUND : TM_READ),
                       "%.300s: cannot read the list of inputs: %s", from, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return tm_fail(error, TM_READ, "%.300s: a folder, expected a list of inputs", from);
    return TM_OK;
}

static void end_list(tm_name_list *list)
{
    if (list->fd > STDIN_FILENO)
        close(list->fd);
    list->fd = -1;
}

void tm_name_list_close(tm_name_list *list)
{
    if (list->from)
        end_list(list);
    free(list->line);
    free(list->block);
    list->line = list->block = NULL;
}

/* The list broke off: that is told once, under the list's own name. */
static const char *fail_list(tm_name_list *list, int cause, tm_error *error)
{
    end_list(list);
    list->failed = true;
    if (cause == ENAMETOOLONG)
        tm_fail(error, TM_READ,
                "%.300s: line %zu has more than %d bytes: expected one name a line, and read no "
                "further",
                list->from, list->lines + 1, NAME_BYTES);
    else
        tm_fail(error, cause == ENOMEM ? TM_NO_MEMORY : TM_READ,
                "%.300s: the list of inputs broke off after line %zu: %s", list->from, list->lines,
                strerror(cause));
    return list->from;
}

/* The next byte; ENDED: there is none, and where it broke off errno is not 0. */
static int next_byte(tm_name_list *list)
{
    errno = 0;
    while (list->at == list->filled) {
        if (!tm_stop_wait(list->fd)) {
            errno = 0;
            return ENDED;
        }
        ssize_t got = read(list->fd, list->block, BLOCK_BYTES);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0) {
            errno = got ? errno : 0;
            return ENDED;
        }
        list->at = 0;
        list->filled = (size_t)got;
    }
    return (unsigned char)list->block[list->at++];
}

static bool take_room(tm_name_list *list)
{
    if (!list->line)
        list->line = malloc(NAME_BYTES + 1);
    if (!list->block)
        list->block = malloc(BLOCK_BYTES);
    return list->line && list->block;
}

/* As getdelim, but a list without line ends takes no more memory than the longest name. -1: it
 * ended, where errno is 0, or broke off. */
static ssize_t get_name(tm_name_list *list)
{
    errno = ENOMEM;
    if (!take_room(list))
        return -1;
    for (size_t length = 0; length < NAME_BYTES;) {
        int c = next_byte(list);
        if (c == ENDED && (!length || errno || tm_stop_asked()))
            return -1;
        if (c != ENDED)
            list->line[length++] = (char)c;
        list->line[length] = '\0';
        if (c == ENDED || c == (unsigned char)list->end)
            return (ssize_t)length;
    }
    errno = ENAMETOOLONG;
    return -1;
}

static void cut(char *line, size_t *length, size_t begin)
{
    memmove(line, line + begin, *length - begin + 1);
    *length -= begin;
}

const char *tm_name_list_next(tm_name_list *list, tm_error *error)
{
    while (list->from && list->fd >= 0) {
        ssize_t got = get_name(list);
        if (got < 0 && errno)
            return fail_list(list, errno, error);
        if (got < 0)
            break;
        char *line = list->line;
        size_t length = (size_t)got;
        if (line[length - 1] == list->end)
            line[--length] = '\0';
        if (list->end == '\n' && length && line[length - 1] == '\r')
            line[--length] = '\0';
        if (list->lines++ == 0 && strncmp(line, "\xEF\xBB\xBF", 3) == 0)
            cut(line, &length, 3); /* the byte order mark of some editors */
        if (strlen(line) != length)
            tm_fail(error, TM_READ,
                    "%.300s: line %zu holds a NUL byte: expected one name a line; names that end "
                    "with NUL are read with -0, UTF-16 is not read",
                    list->from, list->lines);
        if (length)
            return line;
    }
    if (list->from)
        end_list(list);
    return NULL;
}
