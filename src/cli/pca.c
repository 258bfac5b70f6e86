/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subspace iteration on the covariance, which is never there: a vector is multiplied by it as by
 * the rows and by their transpose. Some directions more than are wanted are carried along, so that
 * neighbours with nearly the same variance are told apart soon.
 */
#include "cli/pca.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { CARRIED = 8, ROUNDS = 100, SWEEPS = 30 };
#define SETTLED 1e-10 /* change of a variance, relative to the first */
#define NOTHING 1e-12 /* a variance, likewise */

typedef struct search {
    const float *rows;
    size_t count, channels;
    const double *mean;
    double *basis, *product; /* [channels][CARRIED] */
    double values[CARRIED], turn[CARRIED][CARRIED];
} search;

static void find_mean(const float *rows, size_t count, size_t channels, double *mean)
{
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < channels; c++)
            mean[c] += rows[i * channels + c];
    for (size_t c = 0; c < channels; c++)
        mean[c] /= (double)count;
}

/* Any vectors, always the same. */
static void start(search *s)
{
    uint64_t state = 1;
    for (size_t i = 0; i < s->channels * CARRIED; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        s->basis[i] = (double)(state >> 33) / 1073741824.0 - 1.0;
    }
}

static double dot(const search *s, const double *matrix, int a, const double *other, int b)
{
    double sum = 0;
    for (size_t c = 0; c < s->channels; c++)
        sum += matrix[c * CARRIED + (size_t)a] * other[c * CARRIED + (size_t)b];
    return sum;
}

static void add_column(const search *s, int to, int from, double factor)
{
    for (size_t c = 0; c < s->channels; c++)
        s->basis[c * CARRIED + (size_t)to] += factor * s->basis[c * CARRIED + (size_t)from];
}

/* Gram and Schmidt, twice; what is no direction of its own becomes 0. */
static void make_orthonormal(const search *s)
{
    for (int k = 0; k < CARRIED; k++) {
        double before = sqrt(dot(s, s->basis, k, s->basis, k));
        for (int again = 0; again < 2; again++)
            for (int i = 0; i < k; i++)
                add_column(s, k, i, -dot(s, s->basis, i, s->basis, k));
        double length = sqrt(dot(s, s->basis, k, s->basis, k));
        add_column(s, k, k, (length > NOTHING * before ? 1 / length : 0) - 1);
    }
}

/* product = covariance * basis */
static void multiply(const search *s)
{
    memset(s->product, 0, s->channels * CARRIED * sizeof *s->product);
    for (size_t i = 0; i < s->count; i++) {
        const float *row = s->rows + i * s->channels;
        double places[CARRIED] = {0};
        for (size_t c = 0; c < s->channels; c++)
            for (int k = 0; k < CARRIED; k++)
                places[k] += (row[c] - s->mean[c]) * s->basis[c * CARRIED + (size_t)k];
        for (int k = 0; k < CARRIED; k++)
            places[k] /= (double)s->count;
        for (size_t c = 0; c < s->channels; c++)
            for (int k = 0; k < CARRIED; k++)
                s->product[c * CARRIED + (size_t)k] += (row[c] - s->mean[c]) * places[k];
    }
}

/* ---- the small matrix ---- */

static void rotate(double *a, double *b, double cosine, double sine)
{
    double x = *a, y = *b;
    *a = cosine * x - sine * y;
    *b = sine * x + cosine * y;
}

/* Makes m[p][q] 0. */
static void turn_pair(double m[CARRIED][CARRIED], double turn[CARRIED][CARRIED], int p, int q)
{
    if (m[p][q] == 0)
        return;
    double theta = (m[q][q] - m[p][p]) / (2 * m[p][q]);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double cosine = 1 / sqrt(t * t + 1), sine = t * cosine;
    for (int k = 0; k < CARRIED; k++)
        rotate(&m[k][p], &m[k][q], cosine, sine);
    for (int k = 0; k < CARRIED; k++)
        rotate(&m[p][k], &m[q][k], cosine, sine);
    for (int k = 0; k < CARRIED; k++)
        rotate(&turn[k][p], &turn[k][q], cosine, sine);
}

static void swap_columns(search *s, int a, int b)
{
    double value = s->values[a];
    s->values[a] = s->values[b];
    s->values[b] = value;
    for (int k = 0; k < CARRIED; k++)
        rotate(&s->turn[k][a], &s->turn[k][b], 0, 1);
}

/* Jacobi's eigenvectors of basis' * product, the largest value first. */
static void diagonalise(search *s)
{
    double m[CARRIED][CARRIED];
    for (int i = 0; i < CARRIED; i++)
        for (int k = 0; k < CARRIED; k++) {
            m[i][k] = (dot(s, s->basis, i, s->product, k) + dot(s, s->basis, k, s->product, i)) / 2;
            s->turn[i][k] = i == k;
        }
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int p = 0; p < CARRIED; p++)
            for (int q = p + 1; q < CARRIED; q++)
                turn_pair(m, s->turn, p, q);
    for (int k = 0; k < CARRIED; k++)
        s->values[k] = m[k][k];
    for (int i = 0; i < CARRIED; i++)
        for (int k = i + 1; k < CARRIED; k++)
            if (s->values[k] > s->values[i])
                swap_columns(s, i, k);
}

/* to = from * turn */
static void turn_all(const search *s, const double *from, double *to)
{
    for (size_t c = 0; c < s->channels; c++) {
        double turned[CARRIED] = {0};
        for (int i = 0; i < CARRIED; i++)
            for (int k = 0; k < CARRIED; k++)
                turned[k] += from[c * CARRIED + (size_t)i] * s->turn[i][k];
        memcpy(to + c * CARRIED, turned, sizeof turned);
    }
}

/* ---- all of it ---- */

static bool has_settled(const search *s, const double before[TM_PCA_COMPONENTS])
{
    for (int k = 0; k < TM_PCA_COMPONENTS; k++)
        if (fabs(s->values[k] - before[k]) > SETTLED * fabs(s->values[0]))
            return false;
    return true;
}

static void iterate(search *s)
{
    double before[TM_PCA_COMPONENTS] = {0};
    start(s);
    for (int round = 0; round < ROUNDS; round++) {
        make_orthonormal(s);
        multiply(s);
        diagonalise(s);
        if (has_settled(s, before))
            break;
        memcpy(before, s->values, sizeof before);
        if (round + 1 < ROUNDS)
            turn_all(s, s->product, s->basis);
    }
    turn_all(s, s->basis, s->product);
}

static double sign_of(const search *s, int k)
{
    double largest = 0;
    for (size_t c = 0; c < s->channels; c++) {
        double value = s->product[c * CARRIED + (size_t)k];
        largest = fabs(value) > fabs(largest) ? value : largest;
    }
    return largest < 0 ? -1 : 1;
}

static void take(const search *s, tm_pca *pca)
{
    for (int k = 0; k < TM_PCA_COMPONENTS; k++) {
        bool any = s->values[k] > NOTHING * s->values[0];
        double factor = any ? sign_of(s, k) : 0;
        pca->variances[k] = any ? s->values[k] : 0;
        for (size_t c = 0; c < s->channels; c++)
            pca->components[c * TM_PCA_COMPONENTS + (size_t)k] =
                factor * s->product[c * CARRIED + (size_t)k];
    }
}

tm_status tm_pca_find(const float *rows, size_t count, size_t channels, tm_pca *pca,
                      tm_error *error)
{
    search s = {.rows = rows, .count = count, .channels = channels};
    *pca = (tm_pca){.channels = channels};
    pca->mean = calloc(channels, sizeof *pca->mean);
    pca->components = calloc(channels, TM_PCA_COMPONENTS * sizeof *pca->components);
    s.basis = calloc(channels, CARRIED * sizeof *s.basis);
    s.product = calloc(channels, CARRIED * sizeof *s.product);
    bool fits = pca->mean && pca->components && s.basis && s.product;
    if (fits) {
        find_mean(rows, count, channels, pca->mean);
        s.mean = pca->mean;
        iterate(&s);
        take(&s, pca);
    }
    free(s.basis);
    free(s.product);
    return fits ? TM_OK
                : tm_fail(error, TM_NO_MEMORY, "no memory for the principal components of %zu",
                          channels);
}

void tm_pca_free(tm_pca *pca)
{
    free(pca->mean);
    free(pca->components);
    *pca = (tm_pca){0};
}

void tm_pca_project(const tm_pca *pca, const float *row, double places[static TM_PCA_COMPONENTS])
{
    memset(places, 0, TM_PCA_COMPONENTS * sizeof *places);
    for (size_t c = 0; c < pca->channels; c++)
        for (int k = 0; k < TM_PCA_COMPONENTS; k++)
            places[k] +=
                (row[c] - pca->mean[c]) * pca->components[c * TM_PCA_COMPONENTS + (size_t)k];
}
