#!/usr/bin/env bash
# Do the vendors' own Python SDKs get on with our emulators? Needs python3 (with venv) and a network for PyPI.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=target/sdk-venv
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/sdk/requirements.txt

# As a part of the whole workspace, so that what the tests have built serves here, too.
cargo build --workspace --features connector-hubspot/fake,connector-stripe/fake \
    --example hubspot-fake --example stripe-fake

examples="${CARGO_TARGET_DIR:-target}/debug/examples"
HUBSPOT_FAKE_BIN="$examples/hubspot-fake" "$venv/bin/python" tests/sdk/hubspot_sdk.py
STRIPE_FAKE_BIN="$examples/stripe-fake" "$venv/bin/python" tests/sdk/stripe_sdk.py
