# Two commands are enough on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
DEVICE := .venv-device
VENV := .venv
BOARD := .venv-board

# What a board's own system has: its Python, OpenCV with GStreamer, and NumPy. The last three are
# the tests': a network camera (RTSP) in a process of its own.
BOARD_PYTHON := /usr/bin/python3
BOARD_PACKAGES := python3-venv python3-numpy python3-opencv \
	gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
	python3-gi gir1.2-gst-plugins-base-1.0 gir1.2-gst-rtsp-server-1.0
# What depends on OpenCV and NumPy; the rest of tests/deploy is the same everywhere.
BOARD_TESTS := tests/edge_app --ignore tests/edge_app/test_shipped_decision.py \
	$(patsubst %,tests/deploy/test_%.py,backends bundle locate preprocess decision familiarity)

# The browser that the page is tried in; PLAYWRIGHT drives it and brings none of its own.
BROWSER_PACKAGES := chromium fonts-dejavu-core

# To install Debian packages where they are missing: $(call debian,TARGET,PACKAGES)
define debian
	@dpkg -s $(2) >/dev/null 2>&1 || \
		{ test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $(2) >/dev/null; } || \
		{ echo "$(1): needs Debian or Ubuntu and, as root: apt-get install $(2)" >&2; exit 1; }
endef

# Stones for the demo, each for some seconds. The model knows no amethyst and no peridot.
DEMO := demo://?rest=9&kinds=Almandine,Amethyst,Emerald,Carnelian,Peridot,Benitoite,Kunzite

.PHONY: demo test test-board test-web test-gpu lint bench soak clean

# The device side alone (no torch): the scanner's page, on drawn stones, until Ctrl-C.
demo: $(DEVICE)/ready
	@echo "Open the address below in a browser. Ctrl-C ends the demo."
	@$(DEVICE)/bin/gemscan run --source "$(DEMO)" --display web

# Two processes, each with one thread for torch: two cores are the smallest machine this is for.
test: $(VENV)/ready lint
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadfile -m "not browser"

lint: $(VENV)/ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# The device side as on a board: the system's Python, OpenCV and NumPy, which pip must not hide.
test-board: $(BOARD)/ready
	@if ls -d $(BOARD)/lib/python3*/site-packages/cv2 $(BOARD)/lib/python3*/site-packages/numpy \
		2>/dev/null; then \
		echo "test-board: pip put this beside the system's own OpenCV or NumPy" >&2; exit 1; \
	fi
	$(BOARD)/bin/python -m pytest -m "not slow and not browser" $(BOARD_TESTS)

# The page in a real browser. A test that finds none fails here, in place of being skipped.
test-web: $(VENV)/ready
	$(call debian,$@,$(BROWSER_PACKAGES))
	GEMSCAN_BROWSER=must $(VENV)/bin/python -m pytest -m browser

# On a computer with an NVIDIA GPU, TensorRT and pycuda: PYTHON says which Python has them.
test-gpu:
	$(PYTHON) -m tests.gpu.check

# Frame rates as ratios of one run: INT8, float32, eager PyTorch, and the whole loop.
bench: $(VENV)/ready
	$(VENV)/bin/python -m tests.bench.ratios
	$(VENV)/bin/python -m tests.bench.verdict
	$(VENV)/bin/python -m tests.bench.web

# An hour of a camera's faults under the live loop; nothing may be lost or grow.
soak: $(VENV)/ready
	$(VENV)/bin/python -m tests.soak.run --minutes 60

$(DEVICE)/ready: setup.cfg
	$(PYTHON) -m venv $(DEVICE)
	$(DEVICE)/bin/python -m pip install -qq --upgrade pip
	$(DEVICE)/bin/python -m pip install -qq --editable ".[cpu]"
	touch $@

$(BOARD)/ready: setup.cfg
	$(call debian,test-board,$(BOARD_PACKAGES))
	$(BOARD_PYTHON) -m venv --clear --system-site-packages $(BOARD)
	$(BOARD)/bin/python -m pip install -qq --editable ".[pi]" pytest httpx onnx "ml_dtypes<0.6"
	touch $@

$(VENV)/ready: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -qq --upgrade pip
	$(VENV)/bin/python -m pip install -qq --editable ".[cpu,train,dev]"
	touch $@

clean:
	rm -rf $(VENV) $(DEVICE) $(BOARD) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
