/* SPDX-License-Identifier: Apache-2.0 */
#include "output/record.h"

#include <string.h>

#include "base/text.h"

tm_value tm_value_text(const char *text)
{
    return (tm_value){.kind = text ? TM_VALUE_TEXT : TM_VALUE_ABSENT, .text = text};
}

tm_value tm_value_stated(const char *text)
{
    return tm_value_text(text && *text ? text : NULL);
}

tm_value tm_value_integer(int64_t integer)
{
    return (tm_value){.kind = TM_VALUE_INTEGER, .integer = integer};
}

tm_value tm_value_count(int64_t count)
{
    return count < 0 ? (tm_value){0} : tm_value_integer(count);
}

tm_value tm_value_single(double number)
{
    return (tm_value){.kind = TM_VALUE_SINGLE, .number = number};
}

tm_value tm_value_double(double number)
{
    return (tm_value){.kind = TM_VALUE_DOUBLE, .number = number};
}

tm_value tm_value_boolean(bool boolean)
{
    return (tm_value){.kind = TM_VALUE_BOOLEAN, .boolean = boolean};
}

tm_value tm_value_integers(const int64_t *integers, size_t count)
{
    return (tm_value){.kind = TM_VALUE_INTEGERS, .count = count, .integers = integers};
}

tm_value tm_value_doubles(const double *doubles, size_t count)
{
    return (tm_value){TM_VALUE_DOUBLES, .doubles = doubles, .count = count};
}

tm_value tm_value_error(const tm_error *error)
{
    return (tm_value){.kind = error ? TM_VALUE_ERROR : TM_VALUE_ABSENT, .error = error};
}

tm_value tm_value_list(const tm_record_type *items, tm_item_fn *item, const void *list,
                       size_t count)
{
    return (tm_value){TM_VALUE_LIST, .count = count, .list = list, .item = item, .items = items};
}

static bool may_be_told(const tm_field *field, unsigned where)
{
    return !field->only || (field->only & where);
}

static const char *name_in(const tm_field *field, unsigned where)
{
    return where == TM_IN_TABLES && field->column ? field->column : field->name;
}

void tm_record_add(tm_record *record, tm_field field)
{
    const tm_record *whole = record->parent ? record->parent : record;
    const char *columns = whole->type->columns;
    if (field.value.kind == TM_VALUE_ABSENT && !field.null)
        return;
    TM_ASSERT(record->count < TM_FIELDS_MAX);
    bool chosen = columns && strchr(columns, '='); /* a part of what there is */
    TM_ASSERT(!columns || chosen || field.value.kind == TM_VALUE_LIST ||
              !may_be_told(&field, TM_IN_TABLES) ||
              tm_lists_text(columns, ",", name_in(&field, TM_IN_TABLES)));
    record->fields[record->count++] = field;
}

bool tm_field_is_told(const tm_field *field, unsigned where)
{
    bool zero = field->value.kind == TM_VALUE_INTEGER && field->value.integer == 0;
    return may_be_told(field, where) && !(zero && field->sparse && where != TM_IN_TABLES);
}

const tm_field *tm_record_find(const tm_record *record, const char *name, size_t length,
                               unsigned where)
{
    for (; record; record = record->parent)
        for (size_t i = 0; i < record->count; i++) {
            const tm_field *field = &record->fields[i];
            const char *told = name_in(field, where);
            if (strncmp(told, name, length) == 0 && !told[length] && may_be_told(field, where))
                return field;
        }
    return NULL;
}

const tm_value *tm_record_list(const tm_record *record, unsigned where)
{
    for (size_t i = 0; i < record->count; i++) {
        const tm_field *field = &record->fields[i];
        if (field->value.kind == TM_VALUE_LIST && may_be_told(field, where))
            return &field->value;
    }
    return NULL;
}

tm_record tm_record_item(const tm_record *record, const tm_value *list, size_t i)
{
    tm_record item = {.type = list->items, .parent = record};
    list->item(list->list, i, &item);
    return item;
}
