/* SPDX-License-Identifier: Apache-2.0 */
#include "base/magic.h"

#include <string.h>
#include <strings.h>

#define LFS "run \"git lfs pull\" where it came from"
#define PAGE "download the file itself, not the page about it"
#define TO_PNG "convert it to PNG or JPEG"
#define TO_WEIGHTS "give it with --weights, and pictures as INPUT"
#define TO_INPUT "give it as INPUT, and weights with --weights"
#define UNPACK "unpack it first"
#define TAR_NAME "a tar is read where its name ends in .tar"
#define TO_STATE "save the state dict of the PyTorch model as .safetensors or .pth"
#define NO_PICTURE "give a PNG or JPEG file"

/* A row is known by `bytes` at offset `at`, and by `more` where it has that too. Of two that fit
 * the first counts. */
typedef struct row {
    size_t at;
    const char *bytes;
    size_t length;
    size_t more_at;
    const char *more;
    const char *name, *picture, *weights;
} row;

#define AT(at, bytes) at, bytes, sizeof(bytes) - 1
#define ALONE 0, NULL

static const row rows[] = {
    {AT(0, "version https://git-lfs"), ALONE, "a Git LFS pointer", LFS, LFS},
    {AT(0, "timmcpk1"), ALONE, "weights packed for one model", TO_WEIGHTS,
     "classify, features and other runs of that model read it"},
    {AT(0, "%PDF-"), ALONE, "a PDF document", TO_PNG, NO_PICTURE},
    /* pictures */
    {AT(0, "\xFF\xD8\xFF"), ALONE, "a JPEG picture", "", TO_INPUT},
    {AT(0, "\x89PNG\r\n\x1A\n"), ALONE, "a PNG picture", "", TO_INPUT},
    {AT(0, "RIFF"), 8, "WEBP", "a WebP picture", "", TO_INPUT},
    {AT(0, "GIF8"), ALONE, "a GIF picture", "", TO_INPUT},
    {AT(0, "II*\0"), ALONE, "a TIFF picture", "", TO_INPUT},
    {AT(0, "MM\0*"), ALONE, "a TIFF picture", "", TO_INPUT},
    {AT(0, "II+\0"), ALONE, "a BigTIFF picture", "", TO_INPUT},
    {AT(0, "MM\0+"), ALONE, "a BigTIFF picture", "", TO_INPUT},
    {AT(4, "ftypavif"), ALONE, "an AVIF picture", "", TO_INPUT},
    {AT(4, "ftypavis"), ALONE, "an AVIF picture", "", TO_INPUT},
    {AT(4, "ftyphei"), ALONE, "a HEIC picture", "", TO_INPUT},
    {AT(4, "ftyphev"), ALONE, "a HEIC picture", "", TO_INPUT},
    {AT(4, "ftypmif1"), ALONE, "a HEIF picture", "", TO_INPUT},
    {AT(4, "ftypmsf1"), ALONE, "a HEIF picture", "", TO_INPUT},
    {AT(4, "ftypcrx "), ALONE, "a raw photo (CR3)", TO_PNG, TO_INPUT},
    {AT(4, "ftyp"), ALONE, "an MP4 or QuickTime video", "extract its frames as PNG or JPEG",
     TO_INPUT},
    {AT(0, "\0\0\0\x0CJXL "), ALONE, "a JPEG XL picture", "", TO_INPUT},
    {AT(0, "\xFF\x0A"), ALONE, "a JPEG XL picture", "", TO_INPUT},
    {AT(0, "\0\0\0\x0CjP  "), ALONE, "a JPEG 2000 picture", TO_PNG, TO_INPUT},
    {AT(0, "\xFF\x4F\xFF\x51"), ALONE, "a JPEG 2000 picture", TO_PNG, TO_INPUT},
    {AT(0, "8BPS"), ALONE, "a Photoshop picture", TO_PNG, TO_INPUT},
    {AT(0, "qoif"), ALONE, "a QOI picture", TO_PNG, TO_INPUT},
    {AT(0, "\x76\x2F\x31\x01"), ALONE, "an OpenEXR picture", TO_PNG, TO_INPUT},
    {AT(0, "SIMPLE  ="), ALONE, "a FITS picture", TO_PNG, TO_INPUT},
    {AT(128, "DICM"), ALONE, "a DICOM picture", TO_PNG, TO_INPUT},
    {AT(0, "\0\0\1\0"), ALONE, "an icon (ICO)", TO_PNG, TO_INPUT},
    {AT(0, "DDS "), ALONE, "a DDS texture", TO_PNG, TO_INPUT},
    {AT(0, "P4\n"), ALONE, "a PBM picture", TO_PNG, TO_INPUT},
    {AT(0, "P5\n"), ALONE, "a PGM picture", TO_PNG, TO_INPUT},
    {AT(0, "P6\n"), ALONE, "a PPM picture", TO_PNG, TO_INPUT},
    {AT(0, "RIFF"), 8, "AVI ", "an AVI video", "extract its frames as PNG or JPEG", TO_INPUT},
    {AT(0, "\x1A\x45\xDF\xA3"), ALONE, "a Matroska or WebM video",
     "extract its frames as PNG or JPEG", TO_INPUT},
    /* weights */
    {AT(0, "GGUF"), ALONE, "a GGUF model", TO_WEIGHTS, TO_STATE},
    {AT(0, "lmgg"), ALONE, "a GGML model", TO_WEIGHTS, TO_STATE},
    {AT(0, "\x89HDF\r\n\x1A\n"), ALONE, "an HDF5 file (Keras)", NO_PICTURE, TO_STATE},
    {AT(4, "TFL3"), ALONE, "a TensorFlow Lite model", NO_PICTURE, TO_STATE},
    {AT(0, "\x12\x01\0\0\0\0\0\0"), ALONE, "MXNet parameters", NO_PICTURE, TO_STATE},
    {AT(0, "7767517\n"), ALONE, "an ncnn model", NO_PICTURE, TO_STATE},
    {AT(0, "\x93NUMPY"), ALONE, "a NumPy array", "its name must end in .npy",
     "weights are several arrays: save them as .npz or .safetensors"},
    {AT(0, "\x80\2"), ALONE, "a pickle", TO_WEIGHTS, TO_STATE},
    {AT(0, "\x80\3"), ALONE, "a pickle", TO_WEIGHTS, TO_STATE},
    {AT(0, "\x80\4\x95"), ALONE, "a pickle", TO_WEIGHTS, TO_STATE},
    {AT(0, "\x80\5\x95"), ALONE, "a pickle", TO_WEIGHTS, TO_STATE},
    /* archives */
    {AT(0, "PK\3\4"), ALONE, "a zip archive (.pth and .npz are such)",
     "weights go with --weights; pictures must be unpacked", UNPACK},
    {AT(0, "\x1F\x8B\x08"), ALONE, "gzip data", UNPACK, UNPACK},
    {AT(0, "\xFD"
           "7zXZ"),
     ALONE, "xz data", UNPACK, UNPACK},
    {AT(0, "\x28\xB5\x2F\xFD"), ALONE, "zstd data", UNPACK, UNPACK},
    {AT(0, "\x04\x22\x4D\x18"), ALONE, "lz4 data", UNPACK, UNPACK},
    {AT(0, "BZh"), ALONE, "bzip2 data", UNPACK, UNPACK},
    {AT(0, "7z\xBC\xAF\x27\x1C"), ALONE, "a 7z archive", UNPACK, UNPACK},
    {AT(0, "Rar!\x1A\7"), ALONE, "a RAR archive", UNPACK, UNPACK},
    {AT(257, "ustar"), ALONE, "a tar archive", TAR_NAME, UNPACK},
    {AT(0, "\x7F"
           "ELF"),
     ALONE, "a program", NO_PICTURE, TO_STATE},
};
enum { ROWS = sizeof rows / sizeof *rows, TEXT_LOOKED_AT = 1024 };

static bool has(const unsigned char *data, size_t size, size_t at, const char *bytes, size_t length)
{
    return size >= at + length && memcmp(data + at, bytes, length) == 0;
}

/* ---- texts, which may begin with a mark and spaces ---- */

typedef struct text_row {
    const char *begin, *within, *name, *picture, *weights;
} text_row;

static const text_row text_rows[] = {
    {"<!DOCTYPE html", NULL, "an HTML page", PAGE, PAGE},
    {"<html", NULL, "an HTML page", PAGE, PAGE},
    {"<svg", NULL, "an SVG drawing", TO_PNG, TO_INPUT},
    {"<?xml", "<svg", "an SVG drawing", TO_PNG, TO_INPUT},
    {"<!--", "<svg", "an SVG drawing", TO_PNG, TO_INPUT},
    {"<?xml", "<html", "an HTML page", PAGE, PAGE},
    {"<?xml", "<net ", "an OpenVINO model", NO_PICTURE, TO_STATE},
    {"<?xml", NULL, "an XML text", NO_PICTURE, TO_STATE},
    {"{", NULL, "a JSON text", NO_PICTURE, "give the weights file that belongs to it"},
};

/* begin, letters of either case; then `within` somewhere behind it. */
static bool is_text(const text_row *t, const char *text, size_t size)
{
    size_t length = strlen(t->begin), within = t->within ? strlen(t->within) : 0;
    if (size < length || strncasecmp(text, t->begin, length) != 0)
        return false;
    for (size_t i = length; i + within <= size && within; i++)
        if (strncasecmp(text + i, t->within, within) == 0)
            return true;
    return within == 0;
}

static const text_row *find_text(const unsigned char *data, size_t size)
{
    const char *text = (const char *)data;
    size_t at = has(data, size, 0, "\xEF\xBB\xBF", 3) ? 3 : 0;
    while (at < size && at < TEXT_LOOKED_AT && strchr(" \t\r\n", text[at]) && text[at])
        at++;
    size = size < TEXT_LOOKED_AT ? size : TEXT_LOOKED_AT;
    for (size_t i = 0; i < sizeof text_rows / sizeof *text_rows && at < size; i++)
        if (is_text(&text_rows[i], text + at, size - at))
            return &text_rows[i];
    return NULL;
}

/* ---- formats without a magic number ---- */

/* Eight bytes of a length below 2^32, then a JSON object. */
static bool is_safetensors(const unsigned char *data, size_t size)
{
    return size > 9 && !memcmp(data + 4, "\0\0\0\0{", 5) && strchr("\"} ", data[9]) && data[9];
}

static bool is_bmp(const unsigned char *data, size_t size)
{
    return size >= 18 && data[0] == 'B' && data[1] == 'M' && !data[15] && !data[16] && !data[17];
}

/* Protocol buffers: field 1 a small version, then field 2. ONNX has the producer's name in it,
 * Core ML a message. */
static bool is_protobuf_model(const unsigned char *data, size_t size, bool *onnx)
{
    if (size < 8 || data[0] != 0x08 || data[1] < 1 || data[1] > 20)
        return false;
    *onnx = data[2] == 0x3A; /* the graph at once */
    if (data[2] != 0x12)
        return *onnx;
    size_t length = data[3], seen = 0;
    while (seen < length && 4 + seen < size && data[4 + seen] >= 0x20 && data[4 + seen] < 0x7F)
        seen++;
    *onnx = length > 0 && length < 0x80 && (seen == length || 4 + seen == size);
    return true;
}

static tm_magic choose(tm_magic_wanted wanted, const char *name, const char *picture,
                       const char *weights)
{
    return (tm_magic){name, wanted == TM_MAGIC_PICTURE ? picture : weights};
}

static bool find_row(const unsigned char *data, size_t size, tm_magic_wanted wanted,
                     tm_magic *magic)
{
    for (int i = 0; i < ROWS; i++) {
        const row *r = &rows[i];
        if (!has(data, size, r->at, r->bytes, r->length) ||
            (r->more && !has(data, size, r->more_at, r->more, strlen(r->more))))
            continue;
        *magic = choose(wanted, r->name, r->picture, r->weights);
        return true;
    }
    return false;
}

bool tm_magic_find(const unsigned char *data, size_t size, tm_magic_wanted wanted, tm_magic *magic)
{
    bool onnx;
    const text_row *text = find_text(data, size);
    /* a length may look like the magic number of something else */
    if (is_safetensors(data, size))
        *magic = choose(wanted, "a safetensors file", TO_WEIGHTS, "");
    else if (find_row(data, size, wanted, magic))
        return true;
    else if (text)
        *magic = choose(wanted, text->name, text->picture, text->weights);
    else if (is_bmp(data, size))
        *magic = choose(wanted, "a BMP picture", "", TO_INPUT);
    else if (is_protobuf_model(data, size, &onnx))
        *magic = choose(wanted, onnx ? "an ONNX model" : "a Core ML model", NO_PICTURE, TO_STATE);
    else
        return false;
    return true;
}
