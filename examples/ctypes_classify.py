#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The classes of pictures by libtimmc.so.0, with Python's standard library alone.

    python3 ctypes_classify.py [-m MODEL] PICTURE...

TIMMC_LIBRARY names the library where the system does not find it by its name.
"""
import argparse
import ctypes
import heapq
import math
import os
import sys


class Error(ctypes.Structure):
    """tm_error"""
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 512)]


class Output(ctypes.Structure):
    """tm_output"""
    _fields_ = [("name", ctypes.c_char_p), ("index", ctypes.c_int), ("rank", ctypes.c_int),
                ("shape", ctypes.c_int64 * 4), ("channel_axis", ctypes.c_int),
                ("module", ctypes.c_char_p), ("reduction", ctypes.c_int)]


def load_library():
    """The library with the types of the functions that are called here, as timmc.h has them."""
    lib = ctypes.CDLL(os.environ.get("TIMMC_LIBRARY", "libtimmc.so.0"))
    handle, floats, error = ctypes.c_void_p, ctypes.POINTER(ctypes.c_float), ctypes.POINTER(Error)
    text = ctypes.c_char_p
    functions = {
        "tm_status_name": (text, [ctypes.c_int]),
        "tm_model_open": (ctypes.c_int, [text, handle, ctypes.POINTER(handle), error]),
        "tm_model_select": (ctypes.c_int, [handle, text, error]),
        "tm_model_load": (ctypes.c_int, [handle, error]),
        "tm_model_close": (None, [handle]),
        "tm_model_warning": (text, [handle]),
        "tm_model_input_shape": (ctypes.c_int, [handle, ctypes.POINTER(ctypes.c_int64)]),
        "tm_model_preprocess_file": (ctypes.c_int, [handle, text, floats, error]),
        "tm_model_output": (ctypes.c_int,
                            [handle, ctypes.c_size_t, ctypes.POINTER(Output), error]),
        "tm_model_label": (ctypes.c_bool,
                           [handle, ctypes.c_int, ctypes.POINTER(text), ctypes.POINTER(text)]),
        "tm_context_open": (ctypes.c_int, [handle, ctypes.POINTER(handle), error]),
        "tm_context_close": (None, [handle]),
        "tm_context_run": (ctypes.c_int, [handle, floats, ctypes.c_int, error]),
        "tm_context_read": (ctypes.c_int, [handle, ctypes.c_size_t, ctypes.c_int, floats, error]),
    }
    for name, (result, arguments) in functions.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class TimmcError(Exception):
    """What a function of the library left in its tm_error."""


class Classifier:
    """A loaded model and a context to run it in; numbers stay in the library's own floats."""

    def __init__(self, name=None):
        self.lib = load_library()
        self.model, self.context = ctypes.c_void_p(), ctypes.c_void_p()
        try:
            self.call("tm_model_open", name.encode() if name else None, None,
                      ctypes.byref(self.model))
            self.call("tm_model_select", self.model, b"logits")
            self.call("tm_model_load", self.model)
            self.call("tm_context_open", self.model, ctypes.byref(self.context))
            shape = (ctypes.c_int64 * 3)()
            self.lib.tm_model_input_shape(self.model, shape)
            output = Output()
            self.call("tm_model_output", self.model, 0, ctypes.byref(output))
        except TimmcError:
            self.close()
            raise
        self.input = (ctypes.c_float * math.prod(shape))()
        self.logits = (ctypes.c_float * output.shape[output.channel_axis])()

    def call(self, function, *arguments):
        """Calls what returns a tm_status; returns the message, a warning or nothing."""
        error = Error()
        if getattr(self.lib, function)(*arguments, ctypes.byref(error)):
            status = self.lib.tm_status_name(error.status).decode()
            raise TimmcError(f"{status}: {error.message.decode(errors='replace')}")
        return error.message.decode(errors="replace")

    def probabilities(self, path):
        """Of every class; what the decoder warns of goes to stderr."""
        warning = self.call("tm_model_preprocess_file", self.model, os.fsencode(path), self.input)
        if warning:
            print(f"warning: {warning}", file=sys.stderr)
        self.call("tm_context_run", self.context, self.input, 1)
        self.call("tm_context_read", self.context, 0, 0, self.logits)
        most = max(self.logits)
        exponents = [math.exp(value - most) for value in self.logits]
        total = sum(exponents)
        return [exponent / total for exponent in exponents]

    def label(self, index):
        """The words for a class, or its number."""
        name, words = ctypes.c_char_p(), ctypes.c_char_p()
        known = self.lib.tm_model_label(self.model, index, ctypes.byref(name), ctypes.byref(words))
        return (words.value or name.value or b"").decode() if known else str(index)

    def close(self):
        """Frees both; the library takes NULL."""
        self.lib.tm_context_close(self.context)
        self.lib.tm_model_close(self.model)
        self.model, self.context = ctypes.c_void_p(), ctypes.c_void_p()


def main():
    """Returns 1 where a picture failed, 3 where the model did."""
    parser = argparse.ArgumentParser(description="The classes of pictures, by libtimmc.")
    parser.add_argument("-m", "--model", help="a name of timm's (default: the built-in model)")
    parser.add_argument("-k", "--top", type=int, default=5)
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    given = parser.parse_args()
    try:
        classifier = Classifier(given.model)
    except TimmcError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    failed = False
    for path in given.pictures:
        try:
            values = classifier.probabilities(path)
        except TimmcError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
            continue
        for index in heapq.nlargest(given.top, range(len(values)), key=values.__getitem__):
            print(f"{path}\t{index}\t{values[index]:.6f}\t{classifier.label(index)}")
    classifier.close()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
