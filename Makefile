# Everything a contributor runs, by name. Each target sets up .venv first; nothing but packages is downloaded.
#   make demo         run the main job on built-in sample data; results and pictures in demo/
#   make test         run the tests
#   make proof        the longer proofs on real CTs (../shared/data), results in proof/
#   make bench        speed and quality against the named rivals, a table and bench.json
#   make lint         style
#   make system-libs  install the system libraries the packages need (Debian)

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
RUN    := $(BIN)/python

.PHONY: demo test proof bench lint system-libs check-libs clean

demo: $(READY)
	rm -rf demo
	$(BIN)/synthetic-ct phantom --seed 1 -o demo/source --lesions 2
	$(BIN)/synthetic-ct phantom --seed 2 -o demo/target
	$(BIN)/synthetic-ct morph demo/source/phantom_001.nii.gz demo/target/phantom_002.nii.gz -o demo/morph \
	    --percent 25 50 75 \
	    --labels demo/source/phantom_001_organs.seg.nrrd demo/source/phantom_001_lesions.seg.nrrd \
	    --metadata demo/source/phantom_001.json demo/target/phantom_002.json
	@echo "Look at demo/morph/private/morph_050.png, open demo/morph/morph_050.nii.gz in 3D Slicer."

test: $(READY)
	$(RUN) -m pytest

proof: $(READY)
	missed=0; for proof in prove_path prove_morphs; do $(RUN) Testing/proof/$$proof.py || missed=1; done; exit $$missed

bench: $(READY)
	$(RUN) Testing/benchmarks/bench.py

lint: $(READY)
	$(BIN)/ruff check .

# antspyx brings its own libraries but expects these of the system (minimal containers lack them).
SYSTEM_LIBS := libstdc++.so.6 libz.so.1

check-libs:
	@for lib in $(SYSTEM_LIBS); do \
	    $(PYTHON) -c "import ctypes; ctypes.CDLL('$$lib')" 2>/dev/null || \
	    { echo "The system library $$lib is missing; run 'make system-libs' (Debian) and try again." >&2; exit 1; }; \
	done

system-libs:
	@missing=""; for lib in $(SYSTEM_LIBS); do \
	    $(PYTHON) -c "import ctypes; ctypes.CDLL('$$lib')" 2>/dev/null || missing="$$missing $$lib"; \
	done; \
	if [ -n "$$missing" ]; then \
	    echo "installing for$$missing"; \
	    apt-get update -q && apt-get install -q -y --no-install-recommends libstdc++6 zlib1g; \
	else echo "all system libraries are there"; fi

$(READY): pyproject.toml constraints.txt | check-libs
	$(PYTHON) -c "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))" || \
	    { echo "Python 3.10 to 3.13 is needed; $$($(PYTHON) --version) found. Say which: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[ants,slicer,test]'
	touch $(READY)

clean:
	rm -rf $(VENV) demo proof bench.json build dist *.egg-info
