/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of one thing - a picture, a model - as a list of named, typed fields. A command
 * names each of its fields once, with its value; each format writes any record. So a new format
 * touches no command, a new field no format, and all formats tell the same values.
 */
#ifndef TM_OUTPUT_RECORD_H
#define TM_OUTPUT_RECORD_H

#include <stdint.h>

#include "base/memory.h"

typedef enum tm_value_kind {
    TM_VALUE_ABSENT,
    TM_VALUE_TEXT,
    TM_VALUE_BYTES, /* of a text, as base64 */
    TM_VALUE_JSON,  /* a text that is JSON, on one line */
    TM_VALUE_INTEGER,
    TM_VALUE_SINGLE, /* digits that read back to the same float */
    TM_VALUE_DOUBLE,
    TM_VALUE_BOOLEAN,
    TM_VALUE_INTEGERS,
    TM_VALUE_DOUBLES,
    TM_VALUE_SINGLES,
    TM_VALUE_SINGLES_BASE64, /* little-endian */
    TM_VALUE_ERROR,          /* JSON: code and message; else the message */
    TM_VALUE_LIST,           /* of records */
} tm_value_kind;

struct tm_record;
typedef void tm_item_fn(const void *list, size_t i, struct tm_record *item); /* adds its fields */

/* Points to what the command keeps until the record is written. */
typedef struct tm_value {
    tm_value_kind kind;
    size_t count; /* of items */
    union {
        const char *text;
        int64_t integer;
        double number;
        bool boolean;
        const int64_t *integers;
        const double *doubles;
        const float *singles;
        const tm_error *error;
        const void *list;
    };
    tm_item_fn *item;
    const struct tm_record_type *items;
} tm_value;

tm_value tm_value_text(const char *text);   /* NULL: absent */
tm_value tm_value_stated(const char *text); /* "": absent too */
tm_value tm_value_integer(int64_t integer);
tm_value tm_value_count(int64_t count); /* negative: absent */
tm_value tm_value_single(double number);
tm_value tm_value_double(double number);
tm_value tm_value_boolean(bool boolean);
tm_value tm_value_integers(const int64_t *integers, size_t count);
tm_value tm_value_doubles(const double *doubles, size_t count);
tm_value tm_value_error(const tm_error *error); /* NULL: absent */
tm_value tm_value_list(const struct tm_record_type *items, tm_item_fn *item, const void *list,
                       size_t count);

enum { TM_IN_JSON = 1, TM_IN_TABLES = 2, TM_IN_TEXT = 4 };

typedef enum tm_unit { TM_UNIT_ONE, TM_UNIT_PERCENT, TM_UNIT_MEGABYTES } tm_unit;

typedef struct tm_field {
    const char *name; /* JSON's member; text's {name} */
    tm_value value;
    const char *column; /* of tables; NULL: the name */
    unsigned only;      /* where it is told, TM_IN_...; 0: everywhere */
    bool null;          /* if absent it is null in JSON and "-" in text, and not left out */
    bool sparse;        /* JSON and text tell no 0 */
    tm_unit unit;       /* as text tells it */
} tm_field;

/*
 * In text stand {name} and {name:WIDTH.DIGITSf}, with f or g for numbers and a negative width on
 * the left, {name:x} for integers as in 3x224x224, and <...>, which is left out unless each field
 * in it is there. Items follow. A name is an item's field, else one of the record that has the
 * list; so are columns: a table has a row for each item, and one where there is none.
 */
typedef struct tm_record_type {
    const char *columns; /* of tables: "file,rank,...", its items' too; NULL: told in no table. With
                            "first=index#1,second=index#2" a record has one row, with the index of
                            item 1 and of item 2; "filename=file" is a column by another name */
    const char *heading; /* text before the first record; NULL: none */
    const char *text;
} tm_record_type;

enum { TM_FIELDS_MAX = 40 };

/* Started with its type, and without fields. */
typedef struct tm_record {
    const tm_record_type *type;
    const struct tm_record *parent; /* that has it in its list, or NULL */
    size_t count;
    tm_field fields[TM_FIELDS_MAX]; /* in the order of JSON; one list at most */
} tm_record;

/* Adds a field, unless it is absent and not told as null. One that tables tell has a column. */
void tm_record_add(tm_record *record, tm_field field);

/* The value and what else there is to say: TM_TELL(&record, "row", value, .null = true). */
#define TM_TELL(record, told, ...)                                                                 \
    tm_record_add(record, (tm_field){.name = (told), .value = __VA_ARGS__})

/* ---- formats ---- */

typedef struct tm_record_format {
    const char *name;
    bool numbers;                              /* has room for lists of them */
    char separator;                            /* of columns */
    const char *begin, *between, *after, *end; /* of records; NULL: nothing */
    /* What stands before the first record; NULL: nothing. */
    void (*head)(tm_buffer *out, const struct tm_record_format *format, const tm_record_type *type);
    /* terminal: nothing in it may steer one. What cannot be added makes `out` fail. */
    void (*write)(tm_buffer *out, const struct tm_record_format *format, const tm_record *record,
                  bool terminal);
} tm_record_format;

/* NULL: there is none of that name. */
const tm_record_format *tm_record_format_find(const char *name);

/* "jsonl|json|...", each format of the list; a constant, so that tables may have it. */
extern const char tm_record_format_names[];
#define TM_RECORD_FORMATS (tm_record_format_names + 1)

/* A JSON object, no end of line. */
void tm_record_to_json(tm_buffer *out, const tm_record *record);

/* ---- for formats ---- */

#define RECORD_FORMAT(name) extern const tm_record_format tm_record_##name;
#include "output/record_formats.def"
#undef RECORD_FORMAT

bool tm_field_is_told(const tm_field *field, unsigned where);

/* Numbers as JSON has them, base64 without quotes; nothing of texts, errors and lists. */
void tm_value_bare(tm_buffer *out, const tm_value *value);

/* The field of that name or column, of the record or its parent; NULL: there is none. */
const tm_field *tm_record_find(const tm_record *record, const char *name, size_t length,
                               unsigned where);

/* The list, if it is told there; NULL: there is none. */
const tm_value *tm_record_list(const tm_record *record, unsigned where);

tm_record tm_record_item(const tm_record *record, const tm_value *list, size_t i);

#endif
