/* SPDX-License-Identifier: Apache-2.0 */
/* Maps and patch tokens coloured by their principal components, as the DINOv2 paper shows them
 * (https://arxiv.org/abs/2304.07193): a row per input, a column per tensor, in each column the same
 * components for all inputs. */
#ifndef TM_CLI_PCA_SHEET_H
#define TM_CLI_PCA_SHEET_H

#include "image/canvas.h"

enum { TM_PCA_INPUTS = 16 };

typedef struct tm_pca_cell {
    size_t first; /* of the column's rows */
    int height, width;
} tm_pca_cell;

/* Rows of numbers, one for each place of each input. */
typedef struct tm_pca_column {
    const char *name; /* lives as long as the sheet */
    size_t channels, count;
    float *rows;
    tm_pca_cell cells[TM_PCA_INPUTS];
} tm_pca_column;

typedef struct tm_pca_sheet {
    tm_pca_column *columns;
    size_t column_count;
    tm_image pictures[TM_PCA_INPUTS]; /* as the model saw them */
    char *names[TM_PCA_INPUTS];
    int inputs;
    bool more; /* inputs have come for which there is no room */
} tm_pca_sheet;

/* Zero-initialise; columns is one of calloc, with names. */
void tm_pca_sheet_free(tm_pca_sheet *sheet);

/* Numbers of one input: values[height * width][channels] or, channels_first, the other way. */
typedef struct tm_pca_map {
    const float *values;
    bool channels_first;
    int height, width, channels;
} tm_pca_map;

/* Before the input itself. TM_NO_MEMORY, TM_SHAPE. */
tm_status tm_pca_sheet_add_map(tm_pca_sheet *sheet, size_t column, const tm_pca_map *map,
                               tm_error *error);
/* The picture becomes the sheet's, also after an error. */
tm_status tm_pca_sheet_add(tm_pca_sheet *sheet, const char *name, tm_image *picture,
                           tm_error *error);

/* Red, green and blue are the first three components, from two standard deviations below the mean
 * to two above. The caller frees the canvas. */
tm_status tm_pca_sheet_draw(const tm_pca_sheet *sheet, const char *model, tm_image *canvas,
                            tm_error *error);

#endif
