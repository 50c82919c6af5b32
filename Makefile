# make          build the program into build/pullback (its packages must be there: see make setup)
# make demo     install what is missing, build, edit the bundled portrait into demo/
# make test     install what is missing, build twice (plain, with sanitizers), run all tests, those of the
#               Python package too where Python is
# make clang    build with clang, run all tests (CLANG=clang-19: with another, or its path)
# make fuzz     build with clang and libFuzzer, run each fuzzer for a minute (SECONDS=60)
# make tsan     build with ThreadSanitizer, run four threads on one model, and the web server
# make setup    install the Debian packages that are missing (root or sudo)
# make test-python   build the Python package, install it in an environment of its own, run its tests
# make test-torch    the same with PyTorch, for the tests that need it
# make wheel    build wheels of the Python package, into python/dist (pip install ./python: install it)
# make install  install the library, the program and the models (PREFIX=/usr/local, DESTDIR=)
# make format   clang-format every source

PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
CLANG ?= clang
SECONDS ?= 60
clang_name = $(notdir $(CLANG))
by_clang = -DCMAKE_C_COMPILER=$(CLANG) \
    -DCMAKE_CXX_COMPILER=$(CLANG:%$(clang_name)=%)$(clang_name:clang%=clang++%)

.PHONY: all demo test test-python test-torch wheel clang fuzz tsan setup setup-clang install format clean help

all: build/cmake_install.cmake
	cmake --build build -j $(JOBS)

build/cmake_install.cmake:
	@command -v cmake >/dev/null || \
	    { echo "cmake is missing: make setup installs what is needed" >&2; exit 1; }
	cmake --preset release

build-asan/cmake_install.cmake:
	cmake --preset asan

setup:
	tools/setup

demo: setup
	$(MAKE) all
	build/pullback demo

test: setup
	$(MAKE) all build-asan/cmake_install.cmake
	cmake --build build-asan -j $(JOBS)
	ctest --preset release
	ctest --preset asan
	@cat build/python.txt

test-python: all
	tools/python test || [ $$? -eq 77 ]

test-torch: all
	tools/python torch || [ $$? -eq 77 ]

wheel:
	tools/python wheel

clang fuzz: setup-clang

clang:
	cmake --preset clang $(by_clang)
	cmake --build build-clang -j $(JOBS)
	ctest --preset clang

fuzz:
	cmake --preset fuzz $(by_clang)
	cmake --build --preset fuzz -j $(JOBS)
	fuzz/run build-fuzz $(SECONDS)

setup-clang:
	tools/setup clang

tsan:
	@command -v clang >/dev/null || \
	    { echo "clang is missing, and perhaps libomp-dev: ThreadSanitizer knows the barriers of" \
	           "LLVM's OpenMP alone" >&2; exit 1; }
	cmake --preset tsan
	cmake --build --preset tsan -j $(JOBS)
	ctest --preset tsan

install: all
	cmake --preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX)
	cmake --build build -j $(JOBS)
	DESTDIR=$(DESTDIR) cmake --install build

format:
	find include src tests fuzz examples python/core -name '*.[ch]' | xargs clang-format -i

clean:
	rm -rf build build-asan build-clang build-fuzz build-tsan python/dist

help:
	@sed -n 's/^# //p' Makefile
