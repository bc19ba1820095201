# Everything a contributor runs, by name. Each target sets up .venv first; nothing but packages is downloaded.
#   make demo         run the main job on built-in sample data; results and pictures in demo/
#   make test         run the tests, two parts at a time: library, lesions, bridge, and the panel on its host
#   make test-all     the same, and bridge and panel once more on the MRML of the oldest Slicer supported
#   make proof        the longer proofs on real CTs (../shared/data), results in proof/
#   make bench        speed and quality against the named rivals, a table and bench.json
#   make lint         style
#   make system-libs  install the system libraries the packages need (Debian)

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
OLD    := .venv-slicer-5.12
OLD_READY := $(OLD)/.ready
RUN    := $(BIN)/python

.PHONY: demo test test-library test-lesions test-bridge test-panel test-all proof bench lint system-libs check-libs clean

demo: $(READY)
	rm -rf demo
	$(BIN)/synthetic-ct phantom --seed 1 -o demo/source --lesions 2
	$(BIN)/synthetic-ct phantom --seed 2 -o demo/target
	$(BIN)/synthetic-ct morph demo/source/phantom_001.nii.gz demo/target/phantom_002.nii.gz -o demo/morph \
	    --percent 25 50 75 \
	    --labels demo/source/phantom_001_organs.seg.nrrd demo/source/phantom_001_lesions.seg.nrrd \
	    --metadata demo/source/phantom_001.json demo/target/phantom_002.json
	@echo "Look at demo/morph/private/morph_050.png, open demo/morph/morph_050.nii.gz in 3D Slicer."

# The panel's tests put the host's `slicer` modules beside MRML's before anybody imports `slicer`: a process of their own,
# which runs beside another one (each shows its output when it ends; GNU make 4). The longest part comes first.
test: $(READY)
	$(MAKE) -j2 --output-sync=target test-library test-lesions test-panel test-bridge

test-library: $(READY)
	$(RUN) -m pytest Testing/library --ignore-glob='*/test_lesion*'

test-lesions: $(READY)
	$(RUN) -m pytest Testing/library/test_lesion*.py

test-bridge: $(READY)
	$(RUN) -m pytest Testing/bridge

test-panel: $(READY)
	QT_QPA_PLATFORM=offscreen $(RUN) -m pytest Testing/panel

test-all: test $(OLD_READY)
	$(OLD)/bin/python -m pytest Testing/bridge
	QT_QPA_PLATFORM=offscreen $(OLD)/bin/python -m pytest Testing/panel

proof: $(READY)
	missed=0; for proof in prove_path prove_morphs prove_lesions prove_review; do $(RUN) Testing/proof/$$proof.py || missed=1; done; exit $$missed

bench: $(READY)
	$(RUN) Testing/benchmarks/bench.py

lint: $(READY)
	$(BIN)/ruff check .

# antspyx, VTK and Qt bring their own libraries but expect these of the system (minimal containers lack them).
SYSTEM_LIBS := libstdc++.so.6 libz.so.1 libGL.so.1 libEGL.so.1 libX11.so.6 libfontconfig.so.1 libxkbcommon.so.0 \
    libdbus-1.so.3 libglib-2.0.so.0
SYSTEM_PACKAGES := libstdc++6 zlib1g libgl1 libegl1 libx11-6 libfontconfig1 libxkbcommon0 libdbus-1-3 libglib2.0-0 \
    fonts-dejavu-core

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
	    apt-get update -q && apt-get install -q -y --no-install-recommends $(SYSTEM_PACKAGES); \
	else echo "all system libraries are there"; fi

$(READY): pyproject.toml constraints.txt | check-libs
	$(PYTHON) -c "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))" || \
	    { echo "Python 3.10 to 3.13 is needed; $$($(PYTHON) --version) found. Say which: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[ants,cluster,cohort,lesion,review,slicer,test]'
	touch $(READY)

$(OLD_READY): $(READY)
	$(PYTHON) -m venv $(OLD)
	grep -v -i -E '^(slicer-core|vtk)==' constraints.txt > $(OLD)/constraints.txt
	$(OLD)/bin/python -m pip install -q --disable-pip-version-check -c $(OLD)/constraints.txt -e '.[ants,cluster,cohort,lesion,review,test]' \
	    slicer-core==5.12.4.0 vtk==9.6.0 PySide6-Essentials==6.9.3
	touch $(OLD_READY)

clean:
	rm -rf $(VENV) $(OLD) demo proof bench.json build dist *.egg-info
