/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over files, each in a block of its own size so that a sanitizer sees one byte
 * too many. Linked with one fuzz_NAME.c:   replay FILE... */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *stream = fopen(path, "rb");
    long size = -1;
    if (stream && fseek(stream, 0, SEEK_END) == 0)
        size = ftell(stream);
    uint8_t *data = size >= 0 ? malloc(size ? (size_t)size : 1) : NULL;
    int good = data && fseek(stream, 0, SEEK_SET) == 0 &&
               fread(data, 1, (size_t)size, stream) == (size_t)size;
    if (good)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    else
        fprintf(stderr, "ERROR: %s cannot be read\n", path);
    free(data);
    if (stream)
        fclose(stream);
    return good;
}

int main(int argc, char **argv)
{
    int passed = 0;
    for (int i = 1; i < argc; i++) {
        /* the name comes first, so that a crash can be told */
        printf("%s\n", argv[i]);
        fflush(stdout);
        passed += replay(argv[i]);
    }
    printf("replay: %d passed, %d failed\n", passed, argc - 1 - passed);
    return passed == argc - 1 ? 0 : 1;
}
