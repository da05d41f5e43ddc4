/* What the benchmarks share: clocks, medians, a row of figures as JSON. */
#include "bench_util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

double bench_seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double bench_median(double *numbers, int count)
{
    qsort(numbers, (size_t)count, sizeof(numbers[0]), compare);
    return count % 2 != 0 ? numbers[count / 2]
                          : (numbers[count / 2 - 1] + numbers[count / 2]) / 2;
}

void bench_row(const char *name, double *numbers, int count)
{
    double median = bench_median(numbers, count);

    printf("{\"name\": \"%s\", \"value\": %.6g, \"low\": %.6g, "
           "\"high\": %.6g}\n",
           name, median, numbers[0], numbers[count - 1]);
    fflush(stdout);
}

void bench_die(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}
