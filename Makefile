# timmc. Sources are found by wildcard, ISA flags from the folder name and kernels.def: nothing here changes when code is added.
#   make [DEVELOPER=1] [SAN=address,undefined] [CC=clang]     build/timmc, build/libtimmc.a
#   make lib                                                  build/libtimmc.so
#   make manual                                               build/man, build/completion
#   make check | check-all | check-kernels | install DESTDIR= prefix= libdir=
#   make check-sanitizers | check-cross | check-aarch64 | check-reproducible | check-cluster | check-interop | torture | fuzz | race

CC ?= cc
prefix ?= /usr/local
bindir ?= $(prefix)/bin
libdir ?= $(prefix)/lib
includedir ?= $(prefix)/include
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
bashdir ?= $(datadir)/bash-completion/completions
zshdir ?= $(datadir)/zsh/site-functions
fishdir ?= $(datadir)/fish/vendor_completions.d
DESTDIR ?=
# what runs the built program where it is for another processor
RUN ?=
VERSION := $(shell sed -n 's/^\#define TIMMC_VERSION "\(.*\)"/\1/p' include/timmc.h)

comma := ,
compiler := $(notdir $(firstword $(CC)))
B := build$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(filter-out cc gcc,$(compiler)),-$(compiler))

PKG_CONFIG ?= pkg-config
PACKAGES := libpng libjpeg libcjson libmd zlib minizip libdeflate
CFLAGS ?= -O2 -g
TM_CFLAGS := -std=c17 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -Iinclude -Isrc -pthread -fopenmp-simd -fPIC -fvisibility=hidden -fno-math-errno -ffp-contract=off \
	-Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wshadow -Wpointer-arith -Wundef \
	$(shell $(PKG_CONFIG) --cflags $(PACKAGES))
TM_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES)) -lm
# Downloads: libcurl's headers to build, the library itself is opened at the first request.
ifeq ($(shell $(PKG_CONFIG) --exists libcurl && echo yes),yes)
TM_CFLAGS += -DTM_HAVE_CURL
endif
# Tars: likewise libarchive.
ifeq ($(shell $(PKG_CONFIG) --exists libarchive && echo yes),yes)
TM_CFLAGS += -DTM_HAVE_ARCHIVE
endif
# Pictures beside PNG and JPEG: likewise. TM_WEBP_LIBRARY is the name by which libwebpdemux is opened, that of the
# headers; NAME,package,library,least version here.
OPTIONAL_CODECS := WEBP,libwebpdemux,libwebpdemux,1 TIFF,libtiff-4,libtiff,4.5 AVIF,libavif,libavif,0.11 JXL,libjxl,libjxl,0.7 \
	HEIF,libheif,libheif,1.15
soname = $(shell $(PKG_CONFIG) --atleast-version=$(3) $(1) && readelf -d "$$($(PKG_CONFIG) --variable=libdir $(1))/$(2).so" | \
	sed -n 's/.*(SONAME).*\[\(.*\)\]$$/\1/p')
define optional_codec
$(if $(3),TM_CFLAGS += -DTM_$(1)_LIBRARY='"$(3)"' $(shell $(PKG_CONFIG) --cflags $(2)))
endef
$(foreach row,$(OPTIONAL_CODECS),$(eval words := $(subst $(comma), ,$(row))) \
	$(eval $(call optional_codec,$(word 1,$(words)),$(word 2,$(words)),$(call soname,$(word 2,$(words)),$(word 3,$(words)),$(word 4,$(words))))))
ifdef DEVELOPER
TM_CFLAGS += -Werror
endif
# The same source in any folder gives the same bytes.
TM_CFLAGS += -ffile-prefix-map=$(CURDIR)=.
ifdef SAN
TM_CFLAGS += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
TM_LDFLAGS += -fsanitize=$(SAN)
else
TM_CFLAGS += -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
TM_LDFLAGS += -pie -Wl,-z,relro,-z,now
endif
# By C17, s390x computes float in double.
ifneq ($(filter s390x-%,$(shell $(CC) -dumpmachine)),)
TM_CFLAGS += -fexcess-precision=fast
endif
# Kernels see no file, and with a fuzzer's sanitizers they take minutes to build.
KERNEL_CFLAGS := $(if $(findstring fuzzer,$(SAN)),$(filter-out -fsanitize=%,$(TM_CFLAGS)),$(TM_CFLAGS))
# Kernels: kernels.def says for what there are any where this compiler's code runs, and with which
# options they are built; "name,-moption,..." here.
target_rows := $(shell $(CC) -E -P -x c -D'TARGET(name,needs,...)=name __VA_ARGS__;' src/kernels/kernels.def | \
	sed -n 's/ *;$$//p' | tr ' ' '$(comma)')
target_name = $(firstword $(subst $(comma), ,$(1)))
target_options = $(wordlist 2,99,$(subst $(comma), ,$(1)))
TARGETS := $(filter-out scalar,$(foreach row,$(target_rows),$(call target_name,$(row))))
SHIM_TARGETS := $(filter $(TARGETS),$(patsubst src/kernels/vec/vec_%.h,%,$(wildcard src/kernels/vec/vec_*.h)))
$(foreach row,$(target_rows),$(eval FLAGS_$(call target_name,$(row)) := -O3 -ffp-contract=fast $(call target_options,$(row))))

# Portable objects: every room; scalar kernels with them.
PORTABLE := $(filter-out src/main.c,$(wildcard src/*/*.c src/kernels/scalar/*.c))
LIB_OBJS := $(PORTABLE:src/%.c=$B/%.o)
define target_objects
LIB_OBJS += $(patsubst src/%.c,$B/%.o,$(wildcard src/kernels/$(1)/*.c)) \
	$(if $(filter $(1),$(SHIM_TARGETS)),$(patsubst src/kernels/vec/%.c,$B/kernels/vec/%.$(1).o,$(wildcard src/kernels/vec/*.c)))
endef
$(foreach target,$(TARGETS),$(eval $(call target_objects,$(target))))

# Data: tables turned into C by awk, and the built-in model's weights.
LIB_OBJS += $B/gen/registry.o $B/gen/labels.o $B/gen/sources.o $B/weights/builtin.o
LABEL_SETS := $(sort $(wildcard weights/labels/*_synsets.txt))

all: $B/timmc $B/libtimmc.a
	@ln -sfn $B/timmc timmc

$B/timmc: $B/main.o $B/libtimmc.a
	$(CC) -pthread -rdynamic $(TM_LDFLAGS) $(LDFLAGS) -o $@ $B/main.o $B/libtimmc.a $(TM_LIBS)

$B/libtimmc.a: $(LIB_OBJS)
	@rm -f $@
	$(AR) rcs $@ $^

# The library alone: no command, and no symbol but timmc.h's. The soname counts up when these change.
SONAME := libtimmc.so.0
lib: $B/libtimmc.so

$B/$(SONAME): $(filter-out $B/cli/%,$(LIB_OBJS)) scripts/libtimmc.map
	$(CC) -shared -pthread -Wl,-soname,$(SONAME) -Wl,--version-script=scripts/libtimmc.map $(if $(SAN),,-Wl,-z,defs) \
		$(filter-out -pie,$(TM_LDFLAGS)) $(LDFLAGS) -o $@ $(filter %.o,$^) $(TM_LIBS)

$B/libtimmc.so: $B/$(SONAME)
	ln -sf $(SONAME) $@

$B/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(TM_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define target_rules
$B/kernels/$(1)/%.o: src/kernels/$(1)/%.c
	@mkdir -p $$(@D)
	$(CC) $(KERNEL_CFLAGS) $(CFLAGS) $(FLAGS_$(1)) -DTM_TARGET=$(1) -MMD -MP -c -o $$@ $$<
$B/kernels/vec/%.$(1).o: src/kernels/vec/%.c
	@mkdir -p $$(@D)
	$(CC) $(KERNEL_CFLAGS) $(CFLAGS) $(FLAGS_$(1)) -DTM_TARGET=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach target,$(TARGETS),$(eval $(call target_rules,$(target))))

$B/gen/registry.c: scripts/gen-registry $(wildcard src/registry/tables/*.tsv)
	@mkdir -p $(@D)
	LC_ALL=C awk -f scripts/gen-registry $(sort $(wildcard src/registry/tables/*.tsv)) >$@.tmp && mv $@.tmp $@

$B/gen/labels.c: scripts/gen-labels weights/labels/imagenet_synset_to_lemma.txt $(LABEL_SETS)
	@mkdir -p $(@D)
	LC_ALL=C awk -f scripts/gen-labels weights/labels/imagenet_synset_to_lemma.txt $(LABEL_SETS) >$@.tmp && mv $@.tmp $@

# What decides the bytes of packed weights is known by its digest: a change of any of it refuses older ones.
PACKING := $(sort $(foreach room,base graph kernels steps products ops layers models weights passes plan registry api,\
	$(shell find src/$(room) -type f)))
$B/gen/sources.c: $(PACKING)
	@mkdir -p $(@D)
	cat $(PACKING) | sha256sum | sed 's/\([0-9a-f]*\).*/extern const char tm_sources_sha256[];\nconst char tm_sources_sha256[] = "\1";/' >$@.tmp && mv $@.tmp $@

$B/gen/%.o: $B/gen/%.c
	$(CC) $(TM_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$B/weights/builtin.sha256: weights/tf_efficientnet_lite0.in1k.safetensors
	@mkdir -p $(@D)
	sha256sum $< | cut -d ' ' -f 1 | tr -d '\n' >$@.tmp && mv $@.tmp $@

$B/weights/builtin.o: weights/builtin.S $B/weights/builtin.sha256 weights/tf_efficientnet_lite0.in1k.safetensors
	$(CC) -I$B/weights -c -o $@ $<

# Tests: every tests/unit/test_*.c is a program of its own; so are the larger checkers.
TEST_LIBS := -lcmocka -lmd -lz
UNIT_TESTS := $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/unit/test_*.c))

$B/tests/%: tests/%.c $B/libtimmc.a
	@mkdir -p $(@D)
	$(CC) $(TM_CFLAGS) $(CFLAGS) -I. -MMD -MP $(TM_LDFLAGS) $(LDFLAGS) -o $@ $< $(filter %.o,$^) $B/libtimmc.a $(TM_LIBS) $(TEST_LIBS)

-include $(shell find $B -name '*.d' 2>/dev/null)

# A fuzz target with a main of its own that runs it over files, so that its corpus is a test.
REPLAYS := $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
$B/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $B/libtimmc.a
	@mkdir -p $(@D)
	$(CC) $(TM_CFLAGS) $(CFLAGS) -I. -MMD -MP $(TM_LDFLAGS) $(LDFLAGS) -o $@ $< tests/fuzz/replay.c $B/libtimmc.a $(TM_LIBS)

CHECKERS := $(patsubst tests/%.c,$B/tests/%,$(wildcard tests/kernels/check_*.c tests/parity/parity.c tests/corpora/check_*.c tests/hub/*.c tests/weights/*.c tests/torture/torture.c))

# The kernels of avxvnni with VPDPBUSD as AVX512-VNNI encodes it, see tests/kernels/check_avxvnni.c.
EVEX := $(patsubst src/kernels/%.c,$B/tests/kernels/evex/%.o,$(if $(filter avxvnni,$(TARGETS)),$(wildcard src/kernels/avxvnni/*.c)))
$B/tests/kernels/evex/%.o: src/kernels/%.c
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) $(CFLAGS) $(FLAGS_avxvnni) -g0 -DTM_TARGET=avxvnni -MMD -MP -MT $@ -MF $(@:.o=.d) -S -o - $< | \
		sed 's/{vex} *vpdpbusd/vpdpbusd/' > $(@:.o=.s)
	$(CC) -c -o $@ $(@:.o=.s)
$B/tests/kernels/check_avxvnni: $(EVEX)

# Commands whose calls fail: what makes them fail, and a timmc that asks for every piece by itself.
TORTURE := $B/tests/torture/fault.so $B/tests/torture/timmc
$B/tests/torture/fault.so: tests/torture/fault.c
	@mkdir -p $(@D)
	$(CC) -std=c17 $(CFLAGS) -Wall -Wextra -shared -fPIC -o $@ $<
$B/tests/torture/memory.o: src/base/memory.c
	@mkdir -p $(@D)
	$(CC) $(TM_CFLAGS) $(CFLAGS) -DTM_PIECEMEAL -MMD -MP -c -o $@ $<
$B/tests/torture/timmc: $B/main.o $B/tests/torture/memory.o $B/libtimmc.a
	$(CC) -rdynamic $(TM_LDFLAGS) $(LDFLAGS) -o $@ $^ $(TM_LIBS)

tests: $(UNIT_TESTS) $(CHECKERS) $(REPLAYS) $(TORTURE)

check: all tests
	scripts/run-tests $B

check-all: all tests
	scripts/run-tests $B all

# every call of every command: takes a quarter of an hour and more
torture: $B/timmc $B/tests/torture/torture $(TORTURE)
	$B/tests/torture/torture $B/timmc $B/tests/torture/fault.so
	$B/tests/torture/torture $B/tests/torture/timmc $B/tests/torture/fault.so

check-kernels: $B/tests/kernels/check_kernels
	$< --bench

# Names of every timm module beside PyTorch and onnxruntime: scripts/race --help tells what it needs.
PYTHON ?= python3
race: $B/timmc
	$(PYTHON) scripts/race export
	$(PYTHON) scripts/race time

# The whole suite under the address and undefined-behaviour sanitizers, the threads under theirs.
check-sanitizers:
	$(MAKE) SAN=address,undefined all tests
	ASAN_OPTIONS=allocator_may_return_null=1 scripts/run-tests build-address-undefined
	$(MAKE) SAN=thread $(THREADED:%=build-thread/tests/unit/test_%)
	for test in $(THREADED); do TSAN_OPTIONS=die_after_fork=0 build-thread/tests/unit/test_$$test || exit 1; done
THREADED := parallel pipeline run runner library library_pictures

# Other processors, emulated; two builds in two folders.
check-cross:
	scripts/check-cross
check-aarch64:
	scripts/check-cross aarch64
check-reproducible:
	scripts/check-reproducible

# Batch jobs on engines that exist: needs root, slurm-wlm, munge and parallel; Spark and Ray where
# PYTHON has them.
check-cluster: $B/timmc
	PYTHON=$(PYTHON) scripts/check-cluster
# Results read by numpy, and by pandas, DuckDB, Arrow and safetensors where PYTHON has them.
check-interop: $B/timmc
	rm -rf $B/interop && mkdir $B/interop
	$(PYTHON) tests/interop/read_results.py $B/timmc $B/interop

# The same targets for libFuzzer; tests/fuzz/README.md says how to run them.
fuzz:
	$(MAKE) B=build-fuzz CC=clang SAN=fuzzer-no-link,address,undefined fuzz-targets
fuzz-targets: $(patsubst tests/fuzz/%.c,$B/%,$(wildcard tests/fuzz/fuzz_*.c))
$B/fuzz_%: tests/fuzz/fuzz_%.c $B/libtimmc.a
	$(CC) $(TM_CFLAGS) $(CFLAGS) -I. -fsanitize=fuzzer -o $@ $< $B/libtimmc.a $(TM_LIBS)

# what timmc_plugin.h includes
PLUGIN_HEADERS := base/dtype.h base/dtypes.def base/error.h base/memory.h graph/graph.h kernels/activation.h models/model.h ops/nn.h

# What the program tells of its options: pages of the manual, and what completes command lines.
COMMANDS := $(shell sed -n 's/^COMMAND.\([a-z_]*\),.*/\1/p' src/cli/commands.def | tr _ -)
MAN_PAGES := $B/man/timmc.1 $(COMMANDS:%=$B/man/timmc-%.1)
COMPLETIONS := $(addprefix $B/completion/,bash zsh fish)
PLAIN := env -i PATH="$(PATH)" HOME=/

manual: $(MAN_PAGES) $(COMPLETIONS)

$B/man/timmc.1: $B/timmc
	@mkdir -p $(@D)
	$(PLAIN) $(RUN) $< help --man >$@.tmp && mv $@.tmp $@

$B/man/timmc-%.1: $B/timmc
	@mkdir -p $(@D)
	$(PLAIN) $(RUN) $< help --man $* >$@.tmp && mv $@.tmp $@

$B/completion/%: $B/timmc
	@mkdir -p $(@D)
	$(PLAIN) $(RUN) $< completion $* >$@.tmp && mv $@.tmp $@

install: install-program install-library install-development

install-program: $B/timmc manual
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(mandir)/man1
	install -m 755 $B/timmc $(DESTDIR)$(bindir)/timmc
	install -m 644 $(MAN_PAGES) $(DESTDIR)$(mandir)/man1
	install -D -m 644 $B/completion/bash $(DESTDIR)$(bashdir)/timmc
	install -D -m 644 $B/completion/zsh $(DESTDIR)$(zshdir)/_timmc
	install -D -m 644 $B/completion/fish $(DESTDIR)$(fishdir)/timmc.fish

install-library: $B/libtimmc.so
	install -d $(DESTDIR)$(libdir)
	install -m 755 $B/$(SONAME) $(DESTDIR)$(libdir)/$(SONAME)

install-development: $B/libtimmc.a
	install -d $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(includedir)
	install -m 644 $B/libtimmc.a $(DESTDIR)$(libdir)/libtimmc.a
	ln -sf $(SONAME) $(DESTDIR)$(libdir)/libtimmc.so
	install -m 644 include/timmc.h include/timmc_plugin.h $(DESTDIR)$(includedir)
	for header in $(PLUGIN_HEADERS); do install -D -m 644 src/$$header $(DESTDIR)$(includedir)/timmc/$$header; done
	sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' -e 's|@includedir@|$(includedir)|' \
		-e 's|@version@|$(VERSION)|' -e 's|@libs@|$(TM_LIBS)|' \
		scripts/timmc.pc.in >$(DESTDIR)$(libdir)/pkgconfig/timmc.pc

# what scripts ask: make -s print-TARGETS
print-%:
	@echo '$($*)'

clean:
	rm -rf build build-* timmc

.PHONY: all lib manual tests race check check-all check-kernels check-sanitizers check-cross check-aarch64 check-reproducible \
	check-cluster check-interop torture fuzz fuzz-targets install install-program install-library install-development clean
