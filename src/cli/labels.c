/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/labels.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"

/* 1,000,000 classes, described; a device has no end. */
enum { LABELS_BYTES = 64 << 20 };

/* ---- the file ---- */

/* The file belongs to the model, and so do its faults. */
static tm_status read_labels(tm_labels *labels, const char *path, tm_error *error)
{
    FILE *f = fopen(path, "re");
    tm_buffer text = {0};
    if (!f)
        return tm_fail(error, tm_errno_status(TM_WEIGHTS_MISSING), "%s: cannot read the labels: %s",
                       path, strerror(errno));
    tm_read_stream(f, LABELS_BYTES, &text);
    tm_status status = TM_OK;
    if (text.length > LABELS_BYTES)
        status = tm_fail(error, TM_WEIGHTS_INVALID, "%s: more than %d bytes of labels", path,
                         LABELS_BYTES);
    else if (ferror(f))
        status = tm_fail(error, tm_errno_status(TM_WEIGHTS_MISSING),
                         "%s: cannot read the labels: %s", path, strerror(errno));
    else if (text.failed)
        status = tm_fail(error, TM_NO_MEMORY, "%s: no memory for the labels", path);
    else
        status = tm_class_names_parse(path, text.data, text.length, labels->classes, &labels->text,
                                      &labels->stated, error);
    fclose(f);
    tm_buffer_free(&text);
    if (!status && labels->stated.given < labels->stated.count)
        tm_print_warning("%s: %zu labels, the model has %zu classes", path, labels->stated.given,
                         labels->stated.count);
    return status;
}

tm_status tm_labels_open(tm_labels *labels, const char *option, const tm_model *model,
                         tm_error *error)
{
    *labels = (tm_labels){.model = model, .classes = model->options.num_classes};
    labels->none = option && strcmp(option, "none") == 0;
    if (!option || labels->none || strcmp(option, "auto") == 0)
        return TM_OK;
    return read_labels(labels, option, error);
}

void tm_labels_free(tm_labels *labels)
{
    tm_arena_free(&labels->text);
}

void tm_labels_tell(const tm_labels *labels, int index, const char **name, const char **label)
{
    *name = *label = "";
    if (!labels->stated.stated) {
        if (!labels->none)
            tm_model_label(labels->model, index, name, label);
    } else if (tm_class_name(&labels->stated, index, name, label) && *label == *name) {
        *name = ""; /* a file has one text for each class, unless it describes its names */
    }
}

/* ---- a class by its name ---- */

/* A class's number, as it is written without signs and spaces; -1: it is none. */
static int class_number(const tm_labels *labels, const char *text)
{
    size_t length = strlen(text);
    if (!length || length > 9 || strspn(text, "0123456789") != length)
        return -1;
    int number = atoi(text);
    return number < labels->classes ? number : -1;
}

static char plain(char c)
{
    return c == '_' ? ' ' : (char)tolower((unsigned char)c);
}

static bool means(const char *text, const char *label, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (plain(text[i]) != plain(label[i]))
            return false;
    return length && !text[length];
}

/* How near class `index` is called: 3 by its name, 2 by its label, 1 by the first of its names. */
static int nearness(const tm_labels *labels, int index, const char *text)
{
    const char *name, *label;
    tm_labels_tell(labels, index, &name, &label);
    if (*name && strcmp(name, text) == 0)
        return 3;
    if (means(text, label, strlen(label)))
        return 2;
    return means(text, label, strcspn(label, ",")) ? 1 : 0;
}

tm_status tm_labels_find(const tm_labels *labels, const char *text, int *index, tm_error *error)
{
    int best = 0, count = 0;
    for (int i = 0; i < labels->classes; i++) {
        int near = nearness(labels, i, text);
        if (near && near >= best) {
            count = near > best ? 1 : count + 1;
            best = near;
            *index = i;
        }
    }
    int number = best < 3 ? class_number(labels, text) : -1;
    if (number >= 0) {
        *index = number;
        return TM_OK;
    }
    if (count == 1)
        return TM_OK;
    return tm_fail(error, TM_NOT_FOUND,
                   count ? "\"%.100s\" is the label of %d classes: give a number or a name"
                         : "\"%.100s\" is no class of the model: expected the name, the number or "
                           "the label of one",
                   text, count);
}
