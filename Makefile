# Two commands are enough on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
DEVICE := .venv-device
VENV := .venv

HAS_SCREEN := "import sys; from edge_app.display import display_problem; sys.exit(display_problem() or 0)"

.PHONY: demo test test-gpu lint bench soak clean

# The device side alone (no torch): a window where there is a screen, else demo.mp4 and a table.
demo: $(DEVICE)/ready
	@if $(DEVICE)/bin/python -c $(HAS_SCREEN); then \
		$(DEVICE)/bin/gemscan run --source demo://; \
	else \
		$(DEVICE)/bin/gemscan run --source "demo://?stones=5" --display none --record demo.mp4 && \
		$(DEVICE)/bin/gemscan bench --seconds 8; \
	fi

test: $(VENV)/ready lint
	$(VENV)/bin/python -m pytest

lint: $(VENV)/ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# On a computer with an NVIDIA GPU, TensorRT and pycuda: PYTHON says which Python has them.
test-gpu:
	$(PYTHON) -m tests.gpu.check

# Frame rates as ratios of one run: INT8, float32, eager PyTorch, and the whole loop.
bench: $(VENV)/ready
	$(VENV)/bin/python -m tests.bench.ratios

# An hour of a camera's faults under the live loop; nothing may be lost or grow.
soak: $(VENV)/ready
	$(VENV)/bin/python -m tests.soak.run --minutes 60

$(DEVICE)/ready: setup.cfg
	$(PYTHON) -m venv $(DEVICE)
	$(DEVICE)/bin/python -m pip install -qq --upgrade pip
	$(DEVICE)/bin/python -m pip install -qq --editable ".[cpu]"
	touch $@

$(VENV)/ready: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -qq --upgrade pip
	$(VENV)/bin/python -m pip install -qq --editable ".[cpu,train,dev]"
	touch $@

clean:
	rm -rf $(VENV) $(DEVICE) build *.egg-info .pytest_cache .mypy_cache .ruff_cache demo.mp4
