/* SPDX-License-Identifier: Apache-2.0 */
/* One input's answer, and the head that its record has in every command. */
#ifndef TM_CLI_ANSWER_H
#define TM_CLI_ANSWER_H

#include "cli/records.h"

typedef struct tm_answer {
    const char *file;
    const char *model;     /* as records name it */
    int index;             /* of a picture in a .npy file of several; else -1 */
    int64_t row;           /* of the arrays of -o; -1: there is none */
    const tm_error *error; /* NULL: it succeeded */
    int picture;           /* for tm_model_read */
    int warnings;          /* of the decoder: faults that it passed over */
    const char *siblings;  /* a JSON object; NULL: none */
    int64_t size[2];       /* height and width that it was run at; 0: the model's */
} tm_answer;

/* Of a command's records; own: the columns of what it finds. */
#define TM_ANSWER_TYPE(own)                                                                        \
    {                                                                                              \
        .columns = "file,picture,row,warnings," own ",error",                                      \
        .text = "{file}< [{index}]>< at {size:x}>\n<  error: {error}\n>"                           \
                "<  warning: faulty data ({warnings} times), the picture may be damaged\n>"        \
    }

/* Writes the record of that type: the head, and for an input that succeeded `found`, a list. Where
 * records are left out, errors go to stderr. TM_WRITE, TM_NO_MEMORY. */
tm_status tm_answer_write(tm_records *records, const tm_answer *answer, const tm_record_type *type,
                          const char *name, tm_value found, tm_error *error);

/* What every line of JSON of the input begins with: {"file":"cat.jpg", and a comma. */
void tm_answer_head(tm_buffer *out, const tm_answer *answer);

/* A line of an index beside arrays: {"file":"cat.jpg","row":0}, row null where there is none. A
 * name that is no UTF-8 has its exact bytes beside it, as in every record. */
void tm_answer_index(tm_buffer *out, const tm_answer *answer);

#endif
