/* SPDX-License-Identifier: Apache-2.0 */
#include "run/pace.h"

#include <stdbool.h>

enum {
    LOOKS = 2, /* walks of all threads in a row that speak for a change: the first may be cold */
    STAY_FIRST = 4,   /* walks without a thread after one that was faster; */
    STAY_MOST = 64,   /* doubled each time that they still are */
    RESUME_AFTER = 16 /* walks of all, after one without was not */
};

/* Of a walk's time: more than even a bad division of units leaves. */
static const double MUCH_WAITING = 0.25;

int tm_pace_threads(const tm_pace *pace, int threads)
{
    return pace->left > 0 && threads > 1 ? threads - 1 : threads;
}

static void stay(tm_pace *pace, int walks)
{
    pace->left = pace->stay = walks;
}

static void give_up(tm_pace *pace)
{
    pace->stay = 0;
    pace->resume = RESUME_AFTER;
}

/* Whether the walks of all since the last change are enough; the best of them counts. */
static bool looked(tm_pace *pace, double seconds)
{
    pace->full = pace->seen == 0 || seconds < pace->full ? seconds : pace->full;
    if (++pace->seen < LOOKS)
        return false;
    pace->seen = 0;
    return true;
}

/* After a stay it shows whether that is still the faster way. */
static void tell_full(tm_pace *pace, double seconds, double waited)
{
    if (pace->resume > 0)
        pace->resume--;
    else if (!pace->stay && waited <= MUCH_WAITING)
        pace->seen = 0;
    else if (!looked(pace, seconds))
        return;
    else if (!pace->stay)
        pace->left = 1;
    else if (pace->fewer < pace->full)
        stay(pace, pace->stay < STAY_MOST ? 2 * pace->stay : STAY_MOST);
    else
        give_up(pace);
}

/* Before a stay it is a trial. */
static void tell_fewer(tm_pace *pace, double seconds)
{
    pace->fewer = seconds;
    if (--pace->left > 0 || pace->stay)
        return;
    if (seconds < pace->full)
        stay(pace, STAY_FIRST);
    else
        give_up(pace);
}

void tm_pace_tell(tm_pace *pace, int threads, int used, double seconds, double waited)
{
    if (used == threads)
        tell_full(pace, seconds, waited);
    else
        tell_fewer(pace, seconds);
}
