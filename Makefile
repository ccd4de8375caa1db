# Wherry. `make help` lists the targets.
#
# A room builds its program from every .c file of its folder; the file with main() is main.c. All rooms link
# lib/ (one archive: what a program does not use is not in it). Variants live side by side: make VARIANT=asan.

VARIANT ?= release
Q       := $(if $(V),,@)# make V=1 shows the commands
BUILD   ?= build
B       := $(BUILD)/$(VARIANT)
PREFIX  ?= /usr/local
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

CC       ?= gcc
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-missing-field-initializers
HARDEN   := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
OPT      := -O2 -g
ifeq ($(VARIANT),asan) # not optimised: half the time to build, and nothing is optimised away before it is looked at
HARDEN   := -fPIE
OPT      := -O0 -g -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
endif
ifeq ($(VARIANT),fuzz)
HARDEN   := -fPIE
OPT      := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
endif
ifeq ($(DEV),1)
WARN     += -Werror
endif
override CFLAGS += -std=gnu11 $(OPT) $(WARN) $(HARDEN) -fno-common -ffunction-sections -fdata-sections
override CPPFLAGS += -D_GNU_SOURCE -I.
comma    := ,
ARCH     := $(shell uname -m)
override LDFLAGS += -Wl,--gc-sections -Wl,-z,relro,-z,now
LINK     := -pie
STATIC   := -static-pie
ENTRY    := $(if $(filter x86_64,$(ARCH)),-Wl$(comma)-e$(comma)entry)# runtime/entry.c
ifneq ($(filter asan fuzz,$(VARIANT)),)
STATIC   := -pie
ENTRY    :=
endif

# program: its folder(s), how it is linked, its libraries
PROGRAMS := wherry-runtime wherry-shim wherry-images wherry-kubelet wherry-master wherry-proxy wherry
wherry-runtime_DIR := runtime $(addprefix runtime/,verbs process tree user net cgroup criu)
wherry-shim_DIR    := runtime/shim
wherry-images_DIR  := images
wherry-kubelet_DIR := kubelet
wherry-master_DIR  := master
wherry-proxy_DIR   := proxy
wherry_DIR         := cli

# The short-lived programs and the one per Pod are static: no dynamic linking on the way of a Pod.
wherry-runtime_LINK := $(STATIC) $(ENTRY)
wherry-shim_LINK    := $(STATIC)
wherry-runtime_LIBS := -lseccomp -lcap -l:libyajl_s.a -lm
wherry-shim_LIBS    := -l:libyajl_s.a
wherry-images_LIBS  := -larchive -lcurl -lgnutls -lzstd -lisal -lz -lyajl
wherry-kubelet_LIBS := -luv -lmicrohttpd -lcurl -lgnutls -lyajl -lyaml -lwslay -lcgroup -lmnl -lnftnl -lm
wherry-master_LIBS  := -luv -lmicrohttpd -lcurl -lgnutls -lyajl -lyaml -lwslay -lsqlite3
wherry-proxy_LIBS   := -luv -lcurl -lgnutls -lyajl -lyaml -lmnl -lnftnl -lnetfilter_conntrack
wherry_LIBS         := -luv -lcurl -lgnutls -lyajl -lyaml -lwslay -lmnl
ifneq ($(filter asan fuzz,$(VARIANT)),)
wherry-runtime_LIBS := -lseccomp -lcap -lyajl -lm
wherry-shim_LIBS    := -lyajl
endif

# CNI plugins: cni/*.c is common to all, cni/main/NAME.c is one program.
CNI_PLUGINS := $(sort $(notdir $(basename $(wildcard cni/main/*.c))))
CNI_LIBS    := -l:libyajl_s.a -l:libnftnl.a -lmnl # libmnl comes as a shared library only
ifneq ($(filter asan fuzz,$(VARIANT)),)
CNI_LIBS    := -lyajl -lnftnl -lmnl
endif

objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(addsuffix /*.c,$(1))))
LIB_OBJS  := $(call objs,lib) $(call objs,lib/api)
LIB       := $(B)/libwherry.a
have       = $(wildcard $(firstword $($(1)_DIR))/main.c)
BINS      := $(foreach p,$(PROGRAMS),$(if $(call have,$(p)),$(B)/bin/$(p)))
CNI_BINS  := $(CNI_PLUGINS:%=$(B)/bin/cni/%)

all: $(BINS) $(CNI_BINS) ## build everything (the default)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The runtime lives for milliseconds and starts several times per Pod. glibc asks the processor about its caches a hundred
# times before main(), and in a virtual machine each answer is a trap: 0.3 of the 0.8 ms of `wherry-runtime --version`.
# musl asks nothing. So where musl-tools are installed, the same sources are made for it, in a tree of their own, with
# what runtime/musl adds to its headers; else the runtime is a glibc program like the others, and slower. Code and constants
# are one segment: two mappings less at each exec.
MUSL := $(if $(filter release,$(VARIANT)),$(if $(findstring clang,$(CC)),,$(wildcard /usr/lib/$(ARCH)-linux-musl)))
MUSL_LIB := $(addprefix lib/,args base64 buf cgroup_weight clock err fields fields_write file file_tree json json_read json_write mem spawn spawn_child utf8 version)
MUSL_OBJS := $(patsubst %.c,$(B)/musl/%.o,$(wildcard $(addsuffix /*.c,$(wherry-runtime_DIR) runtime/musl)) $(MUSL_LIB:=.c) lib/api/oci.c)
$(B)/musl/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  MUSL $<")
	$(Q)$(CC) $(CPPFLAGS) -specs $(MUSL)/musl-gcc.specs -Iruntime/musl -idirafter /usr/include \
		-idirafter /usr/include/$(ARCH)-linux-gnu $(CFLAGS) -U_FORTIFY_SOURCE -MMD -MP -c -o $@ $<
ifneq ($(MUSL),)
$(B)/bin/wherry-runtime: $(MUSL_OBJS)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LINK $@ (musl)")
	$(Q)$(CC) -nostdlib $(LDFLAGS) -Wl,-z,noseparate-code -static-pie $(ENTRY) -o $@ $(MUSL)/rcrt1.o $(MUSL)/crti.o $(MUSL_OBJS) \
		$(filter-out -lm,$(wherry-runtime_LIBS)) $(MUSL)/libc.a -lgcc $(MUSL)/crtn.o
wherry-runtime: $(B)/bin/wherry-runtime
endif

$(addsuffix runtime/entry.o,$(B)/ $(B)/musl/): override CFLAGS += -fno-stack-protector $(if $(filter fuzz,$(VARIANT)),,-fno-tree-loop-distribute-patterns)# clang has none
$(B)/master/schema.o: master/schema/types.txt
$(addsuffix lib/version.o,$(B)/ $(B)/musl/): override CPPFLAGS += -DWHERRY_VERSION='"$(VERSION)"'

$(LIB): $(LIB_OBJS)
	@rm -f $@
	$(Q)ar rcs $@ $^

define program_rule
$(B)/bin/$(1): $(call objs,$($(1)_DIR)) $(LIB)
	@mkdir -p $$(@D)
	$(if $(V),,@echo "  LINK $$@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(or $($(1)_LINK),$(LINK)) -o $$@ $$^ $($(1)_LIBS)
$(1): $(B)/bin/$(1)
.PHONY: $(1)
endef
$(foreach p,$(filter-out $(if $(MUSL),wherry-runtime),$(PROGRAMS)),$(eval $(call program_rule,$(p))))

$(CNI_BINS): $(B)/bin/cni/%: $(B)/cni/main/%.o $(call objs,cni) $(LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LINK $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK) -o $@ $^ $(CNI_LIBS)

# Tests in C: one file each, linked with the objects of its room but main.o. $(call test_rule,PROGRAM,SOURCE,ROOM,FLAGS)
room_dir   = $(if $(filter shim,$(1)),runtime/shim,$(1))
room_prog  = $(strip $(foreach p,$(PROGRAMS),$(if $(filter $(call room_dir,$(1)),$($(p)_DIR)),$(p))))
room_objs  = $(if $(filter lib,$(1)),,$(filter-out %/main.o,$(call objs,$(or $($(call room_prog,$(1))_DIR),$(1)))))
ALL_LIBS  := -luv -lmicrohttpd -lcurl -lgnutls -lyajl -lyaml -lwslay -lmnl -lm
room_libs  = $(subst libyajl_s.a,libyajl.so,$(or $($(call room_prog,$(1))_LIBS),$(ALL_LIBS) $(if $(filter cni,$(1)),$(CNI_LIBS))))
define test_rule
$(1): $(2) $(call room_objs,$(3)) $(LIB)
	@mkdir -p $$(@D)
	$(if $(V),,@echo "  TEST $$@")
	$(Q)$(CC) $(CPPFLAGS) -I$(call room_dir,$(3)) $(CFLAGS) -MMD -MP -Wno-missing-prototypes $(LDFLAGS) $(LINK) -o $$@ \
		$$(filter %.c %.o %.a,$$^) $(call room_libs,$(3)) $(4)
endef

# Unit tests: tests/unit/ROOM/NAME_test.c.
UNIT_NAMES := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*/*_test.c))
UNIT_BINS  := $(UNIT_NAMES:%=$(B)/unit/%)
$(foreach t,$(UNIT_NAMES),$(eval $(call test_rule,$(B)/unit/$(t),tests/unit/$(t).c,$(firstword $(subst /, ,$(t))),-lcmocka)))

unit: $(UNIT_BINS) ## build and run the unit tests of this variant
	@tests/run-unit $(UNIT_BINS)

# Fuzz targets: tests/fuzz/ROOM/NAME_fuzz.c, linked as unit tests are, under libFuzzer with a variant of everything that
# clang has made. Seeds are in tests/fuzz/corpus/ROOM/NAME; what it learns stays in build/fuzz/corpus.
FUZZ_NAMES := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*/*_fuzz.c))
$(foreach t,$(FUZZ_NAMES),$(eval $(call test_rule,$(B)/fuzz/$(t),tests/fuzz/$(t)_fuzz.c,$(firstword $(subst /, ,$(t))),-fsanitize=fuzzer)))

T       ?= lib/json
SECONDS ?= 60
fuzz: ## fuzz one target (T=ROOM/NAME SECONDS=60; make fuzz-list names them), needs clang
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang $(BUILD)/fuzz/fuzz/$(T)
	@mkdir -p $(BUILD)/fuzz/corpus/$(T)
	$(BUILD)/fuzz/fuzz/$(T) -max_total_time=$(SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_funcs=0 \
		-verbosity=0 -print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/fuzz/$(T)- $(BUILD)/fuzz/corpus/$(T) \
		$(wildcard tests/fuzz/corpus/$(T))

fuzz-list:
	@printf '%s\n' $(FUZZ_NAMES)

check: ## include law, lengths, format, cppcheck, unit tests under ASan and UBSan (no root, under a minute)
	@tests/check-tree
	@$(MAKE) --no-print-directory -j2 VARIANT=asan unit

mutations: ## the runtime with a check removed, one at a time: each test of safety must notice (root, minutes)
	@tests/mutations

deps: ## install what building and testing need (apt, as root)
	@tests/deps

test: ## install what the tests need and run them all (root)
	@tests/run-all

demo: ## three replicas behind a Service on this host, in a test node of its own (root)
	@examples/demo start

demo-stop: ## end the demo; the host is as it was
	@examples/demo stop

# Programs of the benchmarks, one per file.
$(B)/bench/%: tests/bench/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LINK) -o $@ $^ $(ALL_LIBS)

bench: all $(B)/bench/load $(B)/bench/rate ## compare with peers, in one run, as ratios and medians (root)
	@tests/bench/run

install: all ## install below PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/wherry/cni
	install $(B)/bin/wherry $(B)/bin/wherry-runtime $(DESTDIR)$(PREFIX)/bin
	install $(filter-out %/wherry %/wherry-runtime,$(BINS)) $(DESTDIR)$(PREFIX)/libexec/wherry
	install $(CNI_BINS) $(DESTDIR)$(PREFIX)/libexec/wherry/cni

fmt: ## format every C file
	clang-format -i $$(git ls-files '*.c' '*.h')

compile_commands.json: ## for clangd and clang-tidy
	bear -- $(MAKE) -B VARIANT=cc all

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@grep -hE '^[a-z_.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

.PHONY: all unit check mutations fuzz fuzz-list deps test demo demo-stop bench install fmt clean help
.DELETE_ON_ERROR:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
