/* SPDX-License-Identifier: Apache-2.0 */
/* Principal components of rows of numbers. */
#ifndef TM_CLI_PCA_H
#define TM_CLI_PCA_H

#include <stddef.h>

#include "base/error.h"

enum { TM_PCA_COMPONENTS = 3 };

typedef struct tm_pca {
    size_t channels;
    double *mean;                        /* [channels] */
    double *components;                  /* [channels][TM_PCA_COMPONENTS], of length 1 */
    double variances[TM_PCA_COMPONENTS]; /* of the rows along each; 0: there is none */
} tm_pca;

/* The directions in which rows[count][channels] vary most, the first ones first; of each the
 * largest coefficient is positive. The same rows give the same bits. TM_NO_MEMORY. */
tm_status tm_pca_find(const float *rows, size_t count, size_t channels, tm_pca *pca,
                      tm_error *error);
void tm_pca_free(tm_pca *pca);

/* A row's place along each component, from the mean. */
void tm_pca_project(const tm_pca *pca, const float *row, double places[static TM_PCA_COMPONENTS]);

#endif
