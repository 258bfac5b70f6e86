/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle machine: what becomes a tensor, and that nothing else becomes anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/emulated.h"
#include "tests/unit/pickle_writer.h"
#include "weights/pickle.h"

static const unsigned char numbers[256];

/* Storages "0", "1", ... of whatever length the pickle says, at most 256 bytes; no "none". */
static tm_status give_storage(void *context, const tm_pickle_storage *storage, tm_tensor_view *view)
{
    tm_error *error = context;
    if (storage->bytes > sizeof numbers || storage->key_length != 1)
        return tm_fail(error, TM_WEIGHTS_INVALID,
                       "x.pth: test, offset 0: found no such storage, expected it");
    view->data = numbers;
    return TM_OK;
}

static tm_status read_pickle(const void *bytes, size_t size, tm_tensor_index *index,
                             tm_error *error)
{
    unsigned char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    tm_arena objects = {0};
    tm_pickle_source source = {.file = "x.pth",
                               .title = "data.pkl",
                               .bytes = copy,
                               .size = size,
                               .arena = &objects,
                               .error = error};
    tm_pickle pickle;
    size_t at = 0;
    tm_status status = tm_pickle_load(&source, &at, &pickle);
    assert_true(at <= size);
    if (status == TM_OK)
        status = tm_pickle_tensors(&source, &pickle, give_storage, error, index);
    tm_arena_free(&objects);
    free(copy);
    assert_int_equal(status, error->status);
    return status;
}

static bool lists(const tm_tensor_index *index, const char *expected)
{
    tm_buffer text = {0};
    tm_buffer_puts(&text, "");
    for (size_t i = 0; i < index->count; i++)
        tm_buffer_printf(&text, "%s%s:%s", i ? " " : "", index->tensors[i].group,
                         index->tensors[i].name);
    bool same = strcmp(text.data, expected) == 0;
    if (!same)
        print_error("found %s\n", text.data);
    tm_buffer_free(&text);
    return same;
}

/* expected: "group:name ..." of an accepted pickle, or "!" and a part of the refusal. Frees p. */
static void check(tm_buffer *p, const char *expected)
{
    tm_tensor_index index = {0};
    tm_error error = {0};
    assert_false(p->failed);
    tm_status status = read_pickle(p->data, p->length, &index, &error);
    if (*expected != '!') {
        if (status)
            fail_msg("refused: %s; expected %s", error.message, expected);
        if (!lists(&index, expected))
            fail_msg("expected %s", expected);
    } else {
        if (!status)
            fail_msg("accepted; expected %s", expected);
        assert_int_equal(status, TM_WEIGHTS_INVALID);
        if (strncmp(error.message, "x.pth: ", 7) != 0 || !strstr(error.message, ", offset ") ||
            !strstr(error.message, ": found ") || !strstr(error.message, ", expected ") ||
            !strstr(error.message, expected + 1) || strchr(error.message, '\n'))
            fail_msg("message '%s' lacks '%s'", error.message, expected + 1);
    }
    tm_tensor_index_free(&index);
    tm_buffer_free(p);
}

#define CHECK_RAW(expected, operations)                                                            \
    do {                                                                                           \
        tm_buffer raw_ = {0};                                                                      \
        PUT(&raw_, operations);                                                                    \
        check(&raw_, expected);                                                                    \
    } while (0)

/* {"a": T}, the tensor put by `put` */
#define CHECK_TENSOR(expected, ...)                                                                \
    do {                                                                                           \
        tm_buffer t_ = {0};                                                                        \
        PUT(&t_, "\x80\2}");                                                                       \
        put_text(&t_, "a");                                                                        \
        put_tensor(&t_, &(pickled_tensor){__VA_ARGS__});                                           \
        PUT(&t_, "s.");                                                                            \
        check(&t_, expected);                                                                      \
    } while (0)

static void containers(void **state)
{
    (void)state;
    tm_buffer p = {0};
    PUT(&p, "\x80\2}(");
    put_text(&p, "b");
    put_pair(&p);
    put_text(&p, "a");
    put_pair(&p);
    put_text(&p, "other");
    PUT(&p, "Nu.");
    check(&p, ":a :b");

    PUT(&p, "\x80\2}q\0");
    put_text(&p, "state_dict");
    put_global(&p, "collections", "OrderedDict");
    PUT(&p, ")Rq\1");
    put_text(&p, "x.y");
    put_pair(&p);
    PUT(&p, "s}");
    put_text(&p, "_metadata");
    PUT(&p, "Nsbsq\2.");
    check(&p, "state_dict:x.y");

    PUT(&p, "\x80\2]("); /* [T, T, (None, T)] */
    put_pair(&p);
    put_pair(&p);
    PUT(&p, "N");
    put_pair(&p);
    PUT(&p, "\x86"
            "e.");
    check(&p, ":0 :1 2:1");

    PUT(&p, "\x80\2}K\5}K\7"); /* {5: {7: T}} */
    put_pair(&p);
    PUT(&p, "ss.");
    check(&p, "5:7");

    PUT(&p, "\x80\2}M\1\1"); /* {257: T} */
    put_pair(&p);
    PUT(&p, "s.");
    check(&p, ":257");

    put_global(&p, "collections", "OrderedDict"); /* of pairs, as Python 2 wrote them */
    PUT(&p, "]](");
    put_text(&p, "k");
    put_pair(&p);
    PUT(&p, "ea\x85R.");
    check(&p, ":k");

    PUT(&p, "\x80\2}"); /* the same dict under two names */
    put_text(&p, "model");
    PUT(&p, "}q\0");
    put_text(&p, "w");
    put_pair(&p);
    PUT(&p, "ss");
    put_text(&p, "state_dict");
    PUT(&p, "h\0s.");
    check(&p, "model:w state_dict:w");
}

static void refused_containers(void **state)
{
    (void)state;
    CHECK_RAW("!no tensor", "}.");
    CHECK_RAW("!no tensor", "]K\1a.");
    CHECK_RAW("!holds no named tensors", "K\1.");
    CHECK_RAW("!holds no named tensors", "N.");
    tm_buffer p = {0};
    put_pair(&p);
    PUT(&p, ".");
    check(&p, "!holds no named tensors");
    PUT(&p, "}(");
    put_text(&p, "a");
    put_pair(&p);
    put_text(&p, "a");
    put_pair(&p);
    PUT(&p, "u.");
    check(&p, "!tensor a twice");
    PUT(&p, "}N"); /* keys that are no names */
    put_pair(&p);
    PUT(&p, "s.");
    check(&p, "!neither text nor a number");
    PUT(&p, "}");
    put_text_of(&p, "a\0b", 3);
    put_pair(&p);
    PUT(&p, "s.");
    check(&p, "!not UTF-8");
    static const char *const texts[] = {"\x80",         "\xC1\x81",         "\xE0\x80\x80", "\xC3",
                                        "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        PUT(&p, "}");
        put_text(&p, texts[i]);
        put_pair(&p);
        PUT(&p, "s.");
        check(&p, "!not UTF-8");
        PUT(&p, "}");
        put_text(&p, texts[i]);
        PUT(&p, "}");
        put_text(&p, "a");
        put_pair(&p);
        PUT(&p, "ss.");
        check(&p, "!not UTF-8");
    }
    char *name = calloc(1, 4098);
    assert_non_null(name);
    for (int longer = 0; longer < 2; longer++) {
        memset(name, 'n', 4096 + (size_t)longer);
        PUT(&p, "}");
        put_text(&p, name);
        put_pair(&p);
        PUT(&p, "s.");
        if (longer)
            check(&p, "!names that are too long");
        else
            tm_buffer_clear(&p);
    }
    free(name);
}

static void extents(void **state)
{
    (void)state;
    CHECK_TENSOR(":a", .count = 6, .rank = 2, .shape = {2, 3}, .stride = {3, 1});
    CHECK_TENSOR(":a", .count = 6, .rank = 2, .shape = {3, 2}, .stride = {1, 3}); /* transposed */
    CHECK_TENSOR(":a", .count = 6, .offset = 5, .rank = 0);
    CHECK_TENSOR(":a", .count = 1, .rank = 2, .shape = {5, 7}, .stride = {0, 0}); /* expanded */
    CHECK_TENSOR(":a", .count = 6, .offset = 1, .rank = 1, .shape = {3}, .stride = {2});
    CHECK_TENSOR(":a", .count = 0, .rank = 2, .shape = {0, 3}, .stride = {3, 1});
    CHECK_TENSOR(":a", .count = 1, .rank = 2, .shape = {0, 300}, .stride = {300, 1});
    CHECK_TENSOR(":a", .count = 1, .rank = 8, .shape = {1, 1, 1, 1, 1, 1, 1, 1},
                 .stride = {9, 9, 9, 9, 9, 9, 9, 9});
    static const char beyond[] = "!beyond its storage", impossible[] = "!impossible size",
                      other[] = "!other arguments";
    CHECK_TENSOR(beyond, .count = 6, .rank = 2, .shape = {2, 3}, .stride = {4, 1});
    CHECK_TENSOR(beyond, .count = 6, .offset = 1, .rank = 2, .shape = {2, 3}, .stride = {3, 1});
    CHECK_TENSOR(beyond, .count = 6, .offset = 6, .rank = 0);
    CHECK_TENSOR(beyond, .count = 0, .rank = 1, .shape = {1}, .stride = {1});
    CHECK_TENSOR(beyond, .count = 6, .rank = 1, .shape = {2}, .stride = {INT64_MAX});
    CHECK_TENSOR(beyond, .count = 6, .rank = 2, .shape = {3, 3}, .stride = {INT64_MAX, INT64_MAX});
    CHECK_TENSOR(beyond, .count = 6, .offset = INT64_MAX, .rank = 0);
    CHECK_TENSOR(impossible, .count = 6, .offset = -1, .rank = 0);
    CHECK_TENSOR(impossible, .count = 6, .rank = 2, .shape = {INT64_MAX, INT64_MAX},
                 .stride = {0, 0});
    CHECK_TENSOR(impossible, .count = 6, .rank = 3, .shape = {INT64_MAX, INT64_MAX, 0},
                 .stride = {0, 0, 0});
    CHECK_TENSOR(impossible, .count = 6, .rank = 1, .shape = {(int64_t)1 << 33}, .stride = {0});
    CHECK_TENSOR(other, .count = 6, .rank = 1, .shape = {-2}, .stride = {1});
    CHECK_TENSOR(other, .count = 6, .rank = 1, .shape = {2}, .stride = {-1});
    CHECK_TENSOR(other, .count = 1, .rank = 9, .shape = {1, 1, 1, 1, 1, 1, 1, 1, 1}, .stride = {1});
    CHECK_TENSOR("!impossible length", .count = -1, .rank = 0);
    CHECK_TENSOR("!impossible length", .count = INT64_MAX, .rank = 0);
    CHECK_TENSOR("!no such storage", .count = 2000, .rank = 0);
    CHECK_TENSOR("!no such storage", .key = "none", .count = 2, .rank = 0);
}

static void dtypes(void **state)
{
    (void)state;
    static const struct {
        const char *type, *expected;
    } rows[] = {{"DoubleStorage", ":a"},
                {"HalfStorage", ":a"},
                {"BFloat16Storage", ":a"},
                {"LongStorage", ":a"},
                {"IntStorage", ":a"},
                {"ShortStorage", ":a"},
                {"CharStorage", ":a"},
                {"ByteStorage", ":a"},
                {"BoolStorage", ":a"},
                {"ComplexFloatStorage", "!tensor a of dtype complex64"},
                {"ComplexDoubleStorage", "!tensor a of dtype complex128"},
                {"QInt8Storage", "!tensor a of dtype qint8"},
                {"QUInt8Storage", "!tensor a of dtype quint8"},
                {"QInt32Storage", "!tensor a of dtype qint32"},
                {"QUInt4x2Storage", "!tensor a of dtype quint4x2"},
                {"UntypedStorage", "!tensor a of dtype bytes"},
                {"Float8Storage", "!the global torch.Float8Storage"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK_TENSOR(rows[i].expected, .type = rows[i].type, .count = 2, .rank = 1, .shape = {2},
                     .stride = {1});
}

/* Ways to write a tensor: NAME(storage, 0, (2,), (1,), more...) */
static void put_call(tm_buffer *p, const char *module, const char *name, const char *more)
{
    put_global(p, module, name);
    PUT(p, "(");
    put_storage(p, "0", "FloatStorage", 2, false);
    PUT(p, "K\0K\2\x85K\1\x85");
    tm_buffer_puts(p, more);
    PUT(p, "tR");
}

static void rebuilds(void **state)
{
    (void)state;
    static const struct {
        const char *name, *more, *expected;
    } rows[] = {
        {"_rebuild_tensor", "", ":a"},
        {"_rebuild_tensor_v2", "\x89}", ":a"},
        {"_rebuild_tensor_v2", "\x89}}", ":a"},
        {"_rebuild_tensor_v2", "\x89}N", ":a"},
        {"_rebuild_tensor_v2", "\x89}}NNs", "!tensor a of a kind with metadata"},
        {"_rebuild_tensor_v2", "\x89}NN", "!_rebuild_tensor_v2 with other arguments"},
        {"_rebuild_tensor_v3", "\x89}ctorch\nfloat32\n", ":a"},
        {"_rebuild_tensor_v3", "\x89}ctorch\nfloat32\nN", ":a"},
        {"_rebuild_tensor_v3", "\x89}ctorch\nuint16\n", "!tensor a of dtype uint16"},
        {"_rebuild_tensor_v3", "\x89}ctorch\nfloat8_e4m3fn\n", "!of dtype float8_e4m3fn"},
        {"_rebuild_tensor_v3", "\x89}ctorch\nfloat64\n", "!beyond its storage"},
        {"_rebuild_tensor_v3", "\x89}N", "!_rebuild_tensor_v3 with other arguments"},
        {"_rebuild_tensor_v3", "\x89}", "!_rebuild_tensor_v3 with other arguments"},
        {"_rebuild_qtensor", "NNN", "!tensor a of kind _rebuild_qtensor"},
        {"_rebuild_sparse_tensor", "", "!tensor a of kind _rebuild_sparse_tensor"},
        {"_rebuild_nested_tensor", "", "!tensor a of kind _rebuild_nested_tensor"},
        {"_rebuild_meta_tensor_no_storage", "", "!tensor a of kind _rebuild_meta"},
        {"_rebuild_wrapper_subclass", "", "!tensor a of kind _rebuild_wrapper"},
        {"_rebuild_device_tensor_from_numpy", "", "!of kind _rebuild_device"},
        {"_rebuild_anything", "", "!the global torch._utils._rebuild_anything"},
        {"_rebuild_parameter", "", "!_rebuild_parameter with other arguments"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tm_buffer p = {0};
        PUT(&p, "}");
        put_text(&p, "a");
        put_call(&p, "torch._utils", rows[i].name, rows[i].more);
        PUT(&p, "s.");
        check(&p, rows[i].expected);
    }
}

static void wrapped_tensors(void **state)
{
    (void)state;
    static const struct {
        const char *module, *name, *before, *behind, *expected;
    } rows[] = {
        {"torch._utils", "_rebuild_parameter", "(", "\x89}tR", ":a"},
        {"torch._utils", "_rebuild_parameter_with_state", "(", "\x89}}tR", ":a"},
        {"torch.nn.parameter", "Parameter", "(", "tR", ":a"},
        {"torch.nn.parameter", "Parameter", "(", "\x89t\x81", ":a"},
        {"torch._utils", "_rebuild_parameter", "(", "\x89}t\x81", "!expected a class"},
        {"torch._tensor", "_rebuild_from_type_v2",
         "(ctorch._utils\n_rebuild_parameter\nctorch.nn.parameter\nParameter\n(", "\x89}t}tR",
         ":a"},
        {"torch._tensor", "_rebuild_from_type_v2",
         "(ctorch._utils\n_rebuild_parameter\nctorch\nTensor\n(", "\x89}t}tR", ":a"},
        {"torch._tensor", "_rebuild_from_type_v2",
         "(ctorch._utils\n_rebuild_parameter\nctorch\nSize\n(", "\x89}t}tR", "!other arguments"},
        {"torch._tensor", "_rebuild_from_type_v2",
         "(ctorch._tensor\n_rebuild_from_type_v2\nctorch\nTensor\n(ctorch._utils\n_rebuild_"
         "parameter\n"
         "ctorch\nTensor\n(",
         "\x89}t}t}tR", "!other arguments"},
        {"torch._tensor", "_rebuild_from_type_v2", "(", "tR", "!other arguments"},
        {"torch", "FloatStorage", "(", "tR", "!no call of it"},
        {"torch", "float32", "(", "tR", "!no call of it"},
        {"torch", "Tensor", "(", "tR", "!no call of it"},
        {"torch", "Size", "(", "tR", "!a tuple of sizes"},
        {"argparse", "Namespace", "(", "t\x81", "!no tensor"}, /* plain data hides what it holds */
        {"_codecs", "encode", "(", "tR", "!no tensor"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tm_buffer p = {0};
        PUT(&p, "}");
        put_text(&p, "a");
        put_global(&p, rows[i].module, rows[i].name);
        tm_buffer_puts(&p, rows[i].before);
        put_pair(&p);
        tm_buffer_puts(&p, rows[i].behind);
        PUT(&p, "s.");
        check(&p, rows[i].expected);
    }
}

/* What stands beside the tensors of real checkpoints. */
static void plain_data(void **state)
{
    (void)state;
    static const char *const values[] = {
        "N",
        "\x88",
        "\x89",
        "K\1",
        "M\1\2",
        "J\1\2\3\xFF",
        "\x8A\0",
        "\x8A\12\1\2\3\4\5\6\7\10\11\12",
        "U\3abc",
        "]",
        ")",
        "\x8F",
        "cargparse\nNamespace\n)\x81}N\x88sb",
        "ctorch\ndevice\nU\3cpu\x85R",
        "ctorch\nSize\nK\1K\2\x86\x85R",
        "ctorch\nfloat16\n",
        "ctorch.serialization\n_get_layout\nU\15torch.strided\x85R",
        "c__builtin__\nset\n]\x85R",
        "c__builtin__\nbytearray\n)R",
        "c__builtin__\ncomplex\nNN\x86R",
        "ccollections\nCounter\n}K\1K\2s\x85R",
        "c_codecs\nencode\nU\2abU\6latin1\x86R",
        "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\2f8\x89\x88\x87R(K\3U\1<NNNtbU\1a\x86R",
        "cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nN\x86R(K\1tb",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        tm_buffer p = {0};
        PUT(&p, "\x80\2}(");
        put_text(&p, "args");
        /* texts end at their first zero byte, which only the empty long has */
        put_bytes(&p, values[i], i == 6 ? 2 : strlen(values[i]));
        put_text(&p, "w");
        put_pair(&p);
        PUT(&p, "u.");
        check(&p, ":w");
    }
}

static void refused_globals(void **state)
{
    (void)state;
    static const char *const names[] = {"os\nsystem",
                                        "posix\nsystem",
                                        "subprocess\nPopen",
                                        "__builtin__\neval",
                                        "builtins\nexec",
                                        "builtins\ngetattr",
                                        "__builtin__\nfile",
                                        "pip\nmain",
                                        "pip._internal\nmain",
                                        "torch.load\nx",
                                        "torch\nload",
                                        "torch.hub\nload",
                                        "torch._utils\n_x",
                                        "torch.jit\nload",
                                        "torch.storage\n_load_from_bytes",
                                        "numpy\nload",
                                        "numpy.testing._private.utils\nrunstring",
                                        "collections\ndefaultdict",
                                        "functools\npartial",
                                        "operator\nattrgetter",
                                        "copyreg\n_reconstructor",
                                        "runpy\nrun_path",
                                        "webbrowser\nopen",
                                        "timm.models.resnet\nResNet",
                                        "torch.nn.modules.linear\nLinear",
                                        "\n",
                                        "torch\n",
                                        "\nFloatStorage",
                                        "torch.FloatStorage\n",
                                        "torch\nFloatStorage\\x"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tm_buffer p = {0};
        tm_buffer_printf(&p, "\x80\2c%s\n)R.", names[i]);
        check(&p, "!the global ");
    }
    tm_buffer p = {0};
    PUT(&p, "\x80\2N0cos\nsystem\n");
    check(&p, "!pickle operation 0x30");
    PUT(&p, "\x80\2Ncos\nsystem\n)R.");
    check(&p, "!offset 3: found the global os.system, expected tensors and plain data; timmc never "
              "runs code from a checkpoint");
    CHECK_RAW("!a name without an end", "cos");
    CHECK_RAW("!a name without an end", "cos\nsystem");
}

static void refused_operations(void **state)
{
    (void)state;
    static const char known[] = "NKMJGXU)]}(tauseqrhjcRbQ.\x80\x81\x85\x86\x87\x88\x89\x8A\x8F";
    for (int code = 1; code < 256; code++)
        if (!strchr(known, code)) {
            char operations[2] = {(char)code, '.'};
            tm_buffer p = {0};
            put_bytes(&p, operations, 2);
            check(&p, "!pickle operation 0x");
        }
    CHECK_RAW("!pickle operation 0x95", "\x80\4\x95\0\0\0\0\0\0\0\0}.");
    CHECK_RAW("!unknown pickle protocol", "\x80\6}.");
    CHECK_RAW("!empty stack", ".");
    CHECK_RAW("!empty stack", "a.");
    CHECK_RAW("!empty stack", "Na.");
    CHECK_RAW("!empty stack", "NNs.");
    CHECK_RAW("!empty stack", "(NNu.");
    CHECK_RAW("!empty stack", "(e.");
    CHECK_RAW("!empty stack", "\x85.");
    CHECK_RAW("!empty stack", "NN\x87.");
    CHECK_RAW("!empty stack", "R.");
    CHECK_RAW("!empty stack", "b.");
    CHECK_RAW("!empty stack", "Q.");
    CHECK_RAW("!empty stack", "q\0.");
    CHECK_RAW("!empty stack", "N(\x85."); /* a mark is a floor */
    CHECK_RAW("!without a mark", "Nt.");
    CHECK_RAW("!without a mark", "]e.");
    CHECK_RAW("!without a mark", "}u.");
    CHECK_RAW("!another kind of value", "}Na.");
    CHECK_RAW("!another kind of value", ")Na.");
    CHECK_RAW("!another kind of value", "NNa.");
    CHECK_RAW("!another kind of value", "]NNs."); /* heap corruption in torch before 2.10 */
    CHECK_RAW("!another kind of value", "](NNu.");
    CHECK_RAW("!another kind of value", "ctorch\nSize\nNNs.");
    CHECK_RAW("!a key without a value", "}(NNNu.");
    CHECK_RAW("!never put", "h\0.");
    CHECK_RAW("!never put", "Nq\1h\0.");
    CHECK_RAW("!call of something else", "N)R.");
    CHECK_RAW("!call of something else", "ctorch\nSize\nNR.");
    CHECK_RAW("!call of something else", "N)\x81.");
    CHECK_RAW("!a state set", "NNb.");
    CHECK_RAW("!a state set", "]Nb.");
    CHECK_RAW("!persistent id that is no tuple", "K\1Q.");
    CHECK_RAW("!another persistent id", ")Q.");
    CHECK_RAW("!another persistent id",
              "(X\6\0\0\0modulectorch\nFloatStorage\nX\1\0\0\0000NK\1tQ.");
    CHECK_RAW("!another persistent id", "(X\7\0\0\0storagectorch\nSize\nX\1\0\0\0000NK\1tQ.");
    CHECK_RAW("!another persistent id", "(X\7\0\0\0storageNX\1\0\0\0000NK\1tQ.");
    CHECK_RAW("!another persistent id", "(X\7\0\0\0storagectorch\nFloatStorage\nK\1NK\1tQ.");
    CHECK_RAW("!another persistent id", "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000NNtQ.");
    CHECK_RAW("!a view that is no part",
              "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000NK\1(NK\1K\1ttQ.");
    CHECK_RAW("!OrderedDict with other arguments", "ccollections\nOrderedDict\nK\1\x85R.");
    CHECK_RAW("!OrderedDict with other arguments", "ccollections\nOrderedDict\n]Na\x85R.");
    CHECK_RAW("!OrderedDict with other arguments", "ccollections\nOrderedDict\nNN\x86R.");
}

/* Lengths that the file does not have are refused before anything is allocated for them. */
static void refused_lengths(void **state)
{
    (void)state;
    CHECK_RAW("!the end where", "");
    CHECK_RAW("!the end where", "K");
    CHECK_RAW("!the end where", "J\1\2\3");
    CHECK_RAW("!the end where", "X\xFF\xFF\xFF\xFF.");
    CHECK_RAW("!the end where", "X\1\0\0\0");
    CHECK_RAW("!the end where", "U\2.");
    CHECK_RAW("!the end where", "\x8A\xFF.");
    CHECK_RAW("!the end where", "G\1\2");
    CHECK_RAW("!the end where", "}");
    CHECK_RAW("!memo index", "Nr\xFF\xFF\xFF\x7F.");
    CHECK_RAW("!memo index", "Nr\xFF\xFF\xFF\xFF.");
    CHECK_RAW("!memo index", "Nq\xFF.");
    CHECK_RAW("!memo index", "j\xFF\xFF\xFF\xFF.");
}

static void put_many(tm_buffer *p, const char *operations, size_t length, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tm_buffer_add(p, operations, length);
}

static void refused_bombs(void **state)
{
    (void)state;
    static const struct {
        const char *before, *many, *behind, *expected;
        size_t count;
    } rows[] = {
        {"", "(", ".", "!nesting deeper than 64", 65},
        {")", "\x85", ".", "!nesting deeper than 64", 64},
        {"cargparse\nNamespace\n)", "\x85", "\x81.", "!nesting deeper than 64", 64},
        {"", "N", ".", "!more than 4194304 values", 4194305},
        {"(", "]", "t.", "!values of more than 32 times its bytes", 4194305},
        {"]", "]a", ".", "!values of more than 32 times its bytes", 4194305},
        {"]", "Na", ".", "!more than 4194304 items", 4194305},
        {"]", "(NNNNNNNNe", ".", "!values of more than 32 times its bytes", 600000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tm_buffer p = {0};
        tm_buffer_puts(&p, rows[i].before);
        put_many(&p, rows[i].many, strlen(rows[i].many), rows[i].count);
        tm_buffer_puts(&p, rows[i].behind);
        check(&p, rows[i].expected);
    }
    tm_buffer p = {0};
    PUT(&p, "X");
    for (int i = 0; i < 4; i++) /* 64 MB of text */
        tm_buffer_putc(&p, (char)((64U << 20) >> (8 * i)));
    put_many(&p, "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt", 64, 1 << 20);
    PUT(&p, ".");
    check(&p, "!more than 64 MB");
}

/* A list in itself, and lists of the list before, thirty times. */
static void refused_loops(void **state)
{
    (void)state;
    CHECK_RAW("!", "]q\0h\0a.");
    tm_buffer p = {0};
    PUT(&p, "]q\0h\0ah\0");
    put_pair(&p);
    PUT(&p, "a.");
    check(&p, "!nesting deeper than 64");
    PUT(&p, "]");
    put_pair(&p);
    PUT(&p, "aq\1");
    for (int i = 1; i <= 30; i++) {
        PUT(&p, "](");
        for (int k = 0; k < 2; k++) {
            PUT(&p, "h");
            tm_buffer_putc(&p, (char)i);
        }
        PUT(&p, "eq");
        tm_buffer_putc(&p, (char)(i + 1));
    }
    PUT(&p, ".");
    check(&p, "!containers that lie in many others");
}

static void every_byte(void **state)
{
    (void)state;
    tm_buffer p = {0};
    PUT(&p, "\x80\2}q\0(");
    put_text(&p, "m");
    PUT(&p, "}");
    put_text(&p, "a");
    put_tensor(&p, &(pickled_tensor){.count = 6, .rank = 2, .shape = {2, 3}, .stride = {3, 1}});
    PUT(&p, "s");
    put_text(&p, "l");
    PUT(&p, "](h\0");
    put_pair(&p);
    PUT(&p, "K\1e");
    put_text(&p, "n");
    PUT(&p, "cargparse\nNamespace\n)\x81}b");
    PUT(&p, "u.");
    unsigned char *bytes = malloc(p.length);
    assert_non_null(bytes);
    memcpy(bytes, p.data, p.length);
    for (size_t cut = 0; cut < p.length; cut++) {
        tm_tensor_index index = {0};
        tm_error error = {0};
        assert_int_equal(read_pickle(bytes, cut, &index, &error), TM_WEIGHTS_INVALID);
        tm_tensor_index_free(&index);
    }
    for (size_t at = 0; at < p.length; at++)
        for (int value = 0; value < 256; value += (int)stride()) {
            tm_tensor_index index = {0};
            tm_error error = {0};
            unsigned char saved = bytes[at];
            bytes[at] = (unsigned char)value;
            tm_status status = read_pickle(bytes, p.length, &index, &error);
            assert_true(status == TM_OK || status == TM_WEIGHTS_INVALID);
            bytes[at] = saved;
            tm_tensor_index_free(&index);
        }
    free(bytes);
    tm_buffer_free(&p);
}

static void views(void **state)
{
    (void)state;
    tm_buffer p = {0};
    PUT(&p, "}");
    put_text(&p, "a");
    put_tensor(&p, &(pickled_tensor){.key = "7",
                                     .type = "HalfStorage",
                                     .count = 20,
                                     .offset = 3,
                                     .rank = 2,
                                     .shape = {2, 3},
                                     .stride = {1, 4}});
    PUT(&p, "s.");
    tm_tensor_index index = {0};
    tm_error error = {0};
    assert_int_equal(read_pickle(p.data, p.length, &index, &error), TM_OK);
    const tm_tensor_view *view = &index.tensors[0];
    assert_int_equal(view->dtype, TM_DTYPE_F16);
    assert_int_equal(view->rank, 2);
    assert_int_equal(view->shape[0], 2);
    assert_int_equal(view->shape[1], 3);
    assert_int_equal(view->stride[0], 1);
    assert_int_equal(view->stride[1], 4);
    assert_ptr_equal(view->data, numbers + 6);
    assert_int_equal(view->bytes, 2 * (1 * 1 + 2 * 4 + 1));
    tm_tensor_index_free(&index);
    tm_buffer_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers),
        cmocka_unit_test(refused_containers),
        cmocka_unit_test(extents),
        cmocka_unit_test(dtypes),
        cmocka_unit_test(rebuilds),
        cmocka_unit_test(wrapped_tensors),
        cmocka_unit_test(plain_data),
        cmocka_unit_test(refused_globals),
        cmocka_unit_test(refused_operations),
        cmocka_unit_test(refused_lengths),
        cmocka_unit_test(refused_bombs),
        cmocka_unit_test(refused_loops),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
