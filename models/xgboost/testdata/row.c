/* What one row costs through XGBoost's C interface, no Python in between.
 *
 *     row LIBXGBOOST MODEL ROWS.F32 FEATURES CALLS
 *
 * prints the mean seconds of one XGBoosterPredictFromDense on a row in place,
 * after a tenth as many calls to warm up, and the margin of the first row with
 * nine digits. The rows of the file take turns, 64 of them. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void *handle;
typedef int (*create_fn)(const void *, uint64_t, handle *);
typedef int (*load_fn)(handle, const char *);
typedef int (*param_fn)(handle, const char *, const char *);
typedef int (*dense_fn)(handle, const char *, const char *, handle, const uint64_t **, uint64_t *, const float **);

static void *must(void *p, const char *what) {
    if (!p) {
        fprintf(stderr, "%s: %s\n", what, dlerror());
        exit(1);
    }
    return p;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: row LIBXGBOOST MODEL ROWS.F32 FEATURES CALLS\n");
        return 2;
    }
    enum { ROWS = 64 };
    int features = atoi(argv[4]), calls = atoi(argv[5]);
    void *lib = must(dlopen(argv[1], RTLD_NOW), "dlopen");
    create_fn create = (create_fn)must(dlsym(lib, "XGBoosterCreate"), "XGBoosterCreate");
    load_fn load = (load_fn)must(dlsym(lib, "XGBoosterLoadModel"), "XGBoosterLoadModel");
    param_fn param = (param_fn)must(dlsym(lib, "XGBoosterSetParam"), "XGBoosterSetParam");
    dense_fn dense = (dense_fn)must(dlsym(lib, "XGBoosterPredictFromDense"), "XGBoosterPredictFromDense");
    const char *(*error)(void) = (const char *(*)(void))must(dlsym(lib, "XGBGetLastError"), "XGBGetLastError");

    float *rows = malloc(sizeof(float) * ROWS * features);
    FILE *f = fopen(argv[3], "rb");
    if (!rows || !f || fread(rows, sizeof(float) * features, ROWS, f) != ROWS) {
        fprintf(stderr, "%s: want %d rows of %d\n", argv[3], ROWS, features);
        return 1;
    }
    handle b;
    if (create(NULL, 0, &b) || load(b, argv[2]) || param(b, "nthread", "1")) {
        fprintf(stderr, "%s\n", error());
        return 1;
    }
    char array[ROWS][160];
    for (int r = 0; r < ROWS; r++)
        snprintf(array[r], sizeof array[r], "{\"data\":[%llu,true],\"shape\":[1,%d],\"strides\":null,\"typestr\":\"<f4\",\"version\":3}",
                 (unsigned long long)(uintptr_t)(rows + r * features), features);
    const char *config = "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
                         "\"missing\":NaN,\"strict_shape\":false,\"cache_id\":0}";
    const uint64_t *shape;
    uint64_t dim;
    const float *out;
    float first = 0;
    double start = 0;
    for (int i = -calls / 10; i < calls; i++) {
        if (i == 0)
            start = now();
        if (dense(b, array[(i + calls) % ROWS], config, NULL, &shape, &dim, &out)) {
            fprintf(stderr, "%s\n", error());
            return 1;
        }
    }
    double took = (now() - start) / calls;
    if (dense(b, array[0], config, NULL, &shape, &dim, &out) == 0)
        first = out[0];
    printf("%.9g %.9g\n", took, first);
    return 0;
}
