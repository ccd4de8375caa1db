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
ifeq ($(VARIANT),asan)
HARDEN   := -fPIE
OPT      := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
endif
ifeq ($(DEV),1)
WARN     += -Werror
endif
override CFLAGS += -std=gnu11 $(OPT) $(WARN) $(HARDEN) -fno-common -ffunction-sections -fdata-sections
override CPPFLAGS += -D_GNU_SOURCE -I.
override LDFLAGS += -Wl,--gc-sections -Wl,-z,relro,-z,now
LINK     := -pie
STATIC   := -static-pie
ifeq ($(VARIANT),asan)
STATIC   := -pie
endif

# program: its folder(s), how it is linked, its libraries
PROGRAMS := wherry-runtime wherry-shim wherry-images wherry-kubelet wherry-master wherry-proxy wherry
wherry-runtime_DIR := runtime
wherry-shim_DIR    := runtime/shim
wherry-images_DIR  := images
wherry-kubelet_DIR := kubelet
wherry-master_DIR  := master
wherry-proxy_DIR   := proxy
wherry_DIR         := cli

# The short-lived programs and the one per Pod are static: no dynamic linking on the way of a Pod.
wherry-runtime_LINK := $(STATIC)
wherry-shim_LINK    := $(STATIC)
wherry-runtime_LIBS := -lseccomp -lcap -l:libyajl_s.a
wherry-shim_LIBS    := -l:libyajl_s.a
wherry-images_LIBS  := -larchive -lcurl -lgnutls -lzstd -lisal -lz -lyajl
wherry-kubelet_LIBS := -luv -lmicrohttpd -lcurl -lgnutls -lyajl -lyaml -lwslay -lcgroup -lmnl -lnftnl
wherry-master_LIBS  := -luv -lmicrohttpd -lcurl -lgnutls -lyajl -lyaml -lwslay -lsqlite3
wherry-proxy_LIBS   := -luv -lcurl -lgnutls -lyajl -lyaml -lmnl -lnftnl -lnetfilter_conntrack
wherry_LIBS         := -luv -lcurl -lgnutls -lyajl -lyaml -lwslay -lmnl
ifeq ($(VARIANT),asan)
wherry-runtime_LIBS := -lseccomp -lcap -lyajl
wherry-shim_LIBS    := -lyajl
endif

# CNI plugins: cni/*.c is common to all, cni/main/NAME.c is one program.
CNI_PLUGINS := $(sort $(notdir $(basename $(wildcard cni/main/*.c))))
CNI_LIBS    := -l:libyajl_s.a -l:libnftnl.a -lmnl # libmnl comes as a shared library only
ifeq ($(VARIANT),asan)
CNI_LIBS    := -lyajl -lnftnl -lmnl
endif

objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c))
LIB_OBJS  := $(call objs,lib) $(call objs,lib/api)
LIB       := $(B)/libwherry.a
have       = $(wildcard $($(1)_DIR)/main.c)
BINS      := $(foreach p,$(PROGRAMS),$(if $(call have,$(p)),$(B)/bin/$(p)))
CNI_BINS  := $(CNI_PLUGINS:%=$(B)/bin/cni/%)

all: $(BINS) $(CNI_BINS) ## build everything (the default)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/master/schema.o: master/schema/types.txt
$(B)/lib/version.o: override CPPFLAGS += -DWHERRY_VERSION='"$(VERSION)"'

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
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

$(CNI_BINS): $(B)/bin/cni/%: $(B)/cni/main/%.o $(call objs,cni) $(LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LINK $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK) -o $@ $^ $(CNI_LIBS)

# Unit tests: tests/unit/ROOM/NAME_test.c, linked with the room's objects but main.o.
UNIT_SRC  := $(wildcard tests/unit/*/*_test.c)
UNIT_BINS := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
room_dir   = $(if $(filter shim,$(1)),runtime/shim,$(1))
room_prog  = $(strip $(foreach p,$(PROGRAMS),$(if $(filter $(call room_dir,$(1)),$($(p)_DIR)),$(p))))
room_objs  = $(if $(filter lib,$(1)),,$(filter-out %/main.o,$(call objs,$(call room_dir,$(1)))))
ALL_LIBS  := -luv -lmicrohttpd -lcurl -lgnutls -lyajl -lyaml -lwslay -lmnl
define unit_rule
$(B)/unit/$(1): tests/unit/$(1).c $(call room_objs,$(firstword $(subst /, ,$(1)))) $(LIB)
	@mkdir -p $$(@D)
	$(if $(V),,@echo "  TEST $$@")
	$(Q)$(CC) $(CPPFLAGS) -I$(call room_dir,$(firstword $(subst /, ,$(1)))) $(CFLAGS) -MMD -MP -Wno-missing-prototypes $(LDFLAGS) $(LINK) -o $$@ $$(filter %.c %.o %.a,$$^) \
		-lcmocka $(subst libyajl_s.a,libyajl.so,$(or $($(call room_prog,$(firstword $(subst /, ,$(1))))_LIBS),$(ALL_LIBS) $(if $(filter cni,$(firstword $(subst /, ,$(1)))),$(CNI_LIBS))))
endef
$(foreach t,$(UNIT_SRC:tests/unit/%.c=%),$(eval $(call unit_rule,$(t))))

unit: $(UNIT_BINS) ## build and run the unit tests of this variant
	@tests/run-unit $(UNIT_BINS)

# make fuzz T=json SECONDS=60: tests/fuzz/T_fuzz.c under libFuzzer; what it learns stays in build/fuzz/T.
FUZZ_MORE = $(if $(filter images_%,$(T)),$(addprefix images/,inflate.c path.c tar.c digest.c document.c challenge.c) \
	lib/sha256.c -larchive -lzstd -lisal -lgnutls) $(if $(filter dns,$(T)),$(addprefix proxy/,dns_message.c dns_zone.c \
	model.c plan.c backends.c) lib/map.c $(addprefix lib/api/,service.c meta.c event.c node.c))
T       ?= json
SECONDS ?= 60
fuzz: ## fuzz one parser (T=json|yaml|dns|fields_shim|image_ref|images_layer|images_document SECONDS=60), needs clang
	@mkdir -p $(BUILD)/fuzz/$(T)
	clang $(CPPFLAGS) -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $(BUILD)/fuzz/$(T)_fuzz tests/fuzz/$(T)_fuzz.c \
		$(addprefix lib/,$(addsuffix .c,err mem buf utf8 base64 json json_read json_write fields fields_write file file_tree yaml yaml_scalar yaml_write)) \
		lib/api/shim.c lib/api/image.c $(FUZZ_MORE) -lyajl -lyaml
	$(BUILD)/fuzz/$(T)_fuzz -max_total_time=$(SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_funcs=0 \
		-verbosity=0 -artifact_prefix=$(BUILD)/fuzz/$(T)- $(BUILD)/fuzz/$(T)

check: ## include law, lengths, format, cppcheck, unit tests under ASan and UBSan (no root, under a minute)
	@tests/check-tree
	@$(MAKE) --no-print-directory -j2 VARIANT=asan unit

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

bench: all $(B)/bench/load ## compare with peers, in one run, as ratios and medians (root)
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

.PHONY: all unit check fuzz deps test demo demo-stop bench install fmt clean help
.DELETE_ON_ERROR:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
