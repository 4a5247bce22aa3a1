# Sourced by the other scripts. Makes a virtual environment once; the second time it needs no network.
# shellcheck shell=bash

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  echo "ParcelRay needs Python 3.11 or newer with the venv module. Install it, or name it: PYTHON=/path/to/python3.11 $0" >&2
  return 1
}

# ensure_environment FOLDER REQUIREMENT: REQUIREMENT as pip takes it, such as '.[dev]'.
ensure_environment() {
  local folder=$1 requirement=$2 python stamp wanted
  stamp=$folder/.installed
  wanted=$(cat pyproject.toml constraints.txt - <<<"$requirement" | sha256sum | cut -d' ' -f1)
  if [ -x "$folder/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    return
  fi
  python=$(find_python)
  echo "Making the environment $folder (once) ..." >&2
  [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable "$requirement" >&2 || {
    echo "The installation failed: pip's message is above. It needs a package index once; then run this again." >&2
    return 1
  }
  echo "$wanted" >"$stamp"
}
