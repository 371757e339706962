"""Does Stripe's own Python SDK get on with our emulator?

Starts the emulator, drives it through the SDK, and exits non-zero naming the first check that fails.

    cargo build -p connector-stripe --features fake --example stripe-fake
    pip install -r tests/sdk/requirements.txt
    STRIPE_FAKE_BIN=target/debug/examples/stripe-fake python tests/sdk/stripe_sdk.py
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import stripe

CHECKS = []


def check(function):
    """Registers a check; its name, with spaces, is what a failure is reported by."""
    CHECKS.append(function)
    return function


class Mailbox(BaseHTTPRequestHandler):
    """Accepts every webhook and keeps its body and signature."""

    received = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.put((body, self.headers["Stripe-Signature"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class World:
    def __init__(self, hello):
        self.secret = hello["webhook_secret"]
        self.hello = hello
        self.client = self.connect(hello["api_key"])
        self.customers = self.client.v1.customers

    def connect(self, key):
        return stripe.StripeClient(
            key, base_addresses={"api": self.hello["base_url"]}, max_network_retries=0
        )


def fails_with(kind, act):
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}")


@check
def create_and_retrieve(world):
    sent = {
        "email": "ada+list@example.test",
        "name": "Ada & Żoë",
        "phone": "+1 555 0100",
        "metadata": {"wane_pair_id": "p1", "hubspot_contact_id": "101"},
    }
    customer = world.customers.create(sent)
    assert customer.id.startswith("cus_") and customer.object == "customer"
    again = world.customers.retrieve(customer.id)
    for key in ("email", "name", "phone"):
        assert again[key] == sent[key], key
    assert again.metadata.to_dict() == sent["metadata"]
    assert again.livemode is False and again.created > 0


@check
def update_and_clear(world):
    customer = world.customers.create({"name": "Ada", "phone": "1", "metadata": {"a": "1", "b": "2"}})
    customer = world.customers.update(customer.id, {"name": "Bea", "phone": "", "metadata": {"a": ""}})
    assert (customer.name, customer.phone, customer.metadata.to_dict()) == ("Bea", None, {"b": "2"})
    customer = world.customers.update(customer.id, {"metadata": ""})
    assert customer.metadata.to_dict() == {} and customer.name == "Bea"


@check
def list_by_email_minds_case(world):
    customer = world.customers.create({"email": "Case@example.test"})
    assert [c.id for c in world.customers.list({"email": "Case@example.test"}).data] == [customer.id]
    assert world.customers.list({"email": "case@example.test"}).data == []


@check
def list_pages_newest_first(world):
    ids = [world.customers.create({"name": f"page {n}"}).id for n in range(5)]
    first = world.customers.list({"limit": 2})
    assert [c.id for c in first.data] == [ids[4], ids[3]] and first.has_more
    walked = []
    for customer in world.customers.list({"limit": 2}).auto_paging_iter():
        walked.append(customer.id)
    assert walked[:5] == ids[::-1] and len(walked) == len(set(walked))


@check
def search_finds_by_metadata_after_its_lag(world):
    customer = world.customers.create({"metadata": {"wane_pair_id": "search-me"}})
    deadline = time.monotonic() + 10
    found = []
    while not found and time.monotonic() < deadline:
        found = world.customers.search({"query": "metadata['wane_pair_id']:'search-me'"}).data
        time.sleep(0.1)
    assert [c.id for c in found] == [customer.id]


@check
def deleted_customers_are_retrieved_as_deleted(world):
    customer = world.customers.create({"name": "short-lived"})
    assert world.customers.delete(customer.id).deleted is True
    again = world.customers.retrieve(customer.id)
    assert again.deleted is True and "name" not in again
    fails_with(stripe.InvalidRequestError, lambda: world.customers.update(customer.id, {"name": "x"}))


@check
def unknown_customers_and_parameters_are_refused(world):
    missing = fails_with(stripe.InvalidRequestError, lambda: world.customers.retrieve("cus_never"))
    assert (missing.http_status, missing.code, missing.param) == (404, "resource_missing", "id")
    unknown = fails_with(stripe.InvalidRequestError, lambda: world.customers.create({"pineapple": "1"}))
    assert (unknown.http_status, unknown.code, unknown.param) == (400, "parameter_unknown", "pineapple")
    assert unknown.request_id.startswith("req_")


@check
def a_wrong_key_is_not_let_in(world):
    stranger = world.connect("sk_test_stranger")
    fails_with(stripe.AuthenticationError, lambda: stranger.v1.customers.list())


@check
def an_idempotency_key_replays_and_minds_its_parameters(world):
    options = {"idempotency_key": "sdk-key-1"}
    first = world.customers.create({"name": "Once"}, options)
    again = world.customers.create({"name": "Once"}, options)
    assert first.id == again.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    other = fails_with(stripe.IdempotencyError, lambda: world.customers.create({"name": "Other"}, options))
    assert other.http_status == 400


@check
def events_carry_old_values_and_the_key_of_the_request(world):
    customer = world.customers.create({"name": "Old"})
    world.customers.update(customer.id, {"name": "New"}, {"idempotency_key": "wane1:op-9"})
    events = world.client.v1.events.list({"types": ["customer.updated"], "limit": 1}).data
    event = events[0]
    assert event.data.object.id == customer.id and event.data.object.name == "New"
    assert event.data.previous_attributes["name"] == "Old"
    assert event.request.idempotency_key == "wane1:op-9"


@check
def webhooks_pass_the_sdks_signature_check(world):
    customer = world.customers.create({"name": "Signed"})
    deadline = time.monotonic() + 10
    while True:
        body, signature = Mailbox.received.get(timeout=max(0.0, deadline - time.monotonic()))
        event = stripe.Webhook.construct_event(body, signature, world.secret)
        if event.data.object["id"] == customer.id:
            break
    assert event.type == "customer.created"
    fails_with(
        stripe.SignatureVerificationError,
        lambda: stripe.Webhook.construct_event(body + b" ", signature, world.secret),
    )


@check
def too_many_calls_a_second_are_refused(world):
    def burst(_):
        client = world.connect(world.hello["api_key"])
        for _ in range(50):
            try:
                client.v1.customers.list({"limit": 1})
            except stripe.RateLimitError as error:
                return error
        return None

    deadline = time.monotonic() + 20
    error = None
    while error is None and time.monotonic() < deadline:
        with ThreadPoolExecutor(8) as threads:
            error = next((e for e in threads.map(burst, range(8)) if e is not None), None)
    assert error is not None and error.http_status == 429
    assert error.headers["stripe-rate-limited-reason"] == "global-rate"


def start(binary, webhook_url):
    fake = subprocess.Popen(
        [binary, "--webhook-url", webhook_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return fake, json.loads(fake.stdout.readline())


def main():
    mailbox = ThreadingHTTPServer(("127.0.0.1", 0), Mailbox)
    threading.Thread(target=mailbox.serve_forever, daemon=True).start()
    fake, hello = start(os.environ["STRIPE_FAKE_BIN"], f"http://127.0.0.1:{mailbox.server_port}/hook")
    try:
        world = World(hello)
        for function in CHECKS:
            name = function.__name__.replace("_", " ")
            try:
                function(world)
            except Exception as error:
                print(f"FAILED  {name}: {type(error).__name__}: {error}")
                return 1
            print(f"ok      {name}")
    finally:
        fake.stdin.close()
        fake.wait(timeout=10)
        mailbox.shutdown()
    print(f"{len(CHECKS)} checks with stripe {stripe.VERSION}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
