/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many threads walk together where others take their cores. A thread whose core is taken in the
 * middle of a unit is waited for; where a walk was mostly waiting, the next one leaves a thread
 * out, and as long as that is faster, so do those after it. The bits are those of any number of
 * threads.
 */
#ifndef TM_RUN_PACE_H
#define TM_RUN_PACE_H

/* All zero: nothing was seen yet. */
typedef struct tm_pace {
    double full;  /* seconds for a picture, when all threads walked, the best that is looked at */
    double fewer; /* the same, of one thread less, the last time */
    int seen;     /* walks of all that are looked at */
    int left;     /* walks that are to leave a thread out */
    int stay, resume; /* how many they were last time; walks before it is tried again */
} tm_pace;

/* Of so many threads, those that walk next. */
int tm_pace_threads(const tm_pace *pace, int threads);

/* What a walk of `used` of them took: seconds for a picture, and the share of its time that the
 * thread that waited most waited for the others. */
void tm_pace_tell(tm_pace *pace, int threads, int used, double seconds, double waited);

#endif
