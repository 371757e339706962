"""Does HubSpot's own Python SDK get on with our emulator?

Starts the emulator, drives it through the SDK, and exits non-zero naming the first check that fails.

    cargo build -p connector-hubspot --features fake --example hubspot-fake
    pip install -r tests/sdk/requirements.txt
    HUBSPOT_FAKE_BIN=target/debug/examples/hubspot-fake python tests/sdk/hubspot_sdk.py
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hubspot import HubSpot
from hubspot.crm import contacts, properties
from hubspot.events import send
from hubspot.utils.signature import Signature

CHECKS = []


def check(function):
    """Registers a check; its name, with spaces, is what a failure is reported by."""
    CHECKS.append(function)
    return function


class Mailbox(BaseHTTPRequestHandler):
    """Accepts every webhook and keeps its path, body and headers."""

    received = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.put((self.path, body, self.headers))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class World:
    def __init__(self, hello, mailbox_url):
        self.hello = hello
        self.mailbox_url = mailbox_url
        self.client = self.connect(hello["token"])
        self.contacts = self.client.crm.contacts

    def connect(self, token):
        return HubSpot(access_token=token, host=self.hello["base_url"], retry=False)

    def create(self, **values):
        return self.contacts.basic_api.create(contacts.SimplePublicObjectInputForCreate(properties=values))

    def find(self, key, **options):
        return self.contacts.basic_api.get_by_id(str(key), **options)


def fails_with(status, act, kind=contacts.ApiException):
    try:
        act()
    except kind as error:
        assert error.status == status, f"expected {status}, not {error.status}"
        return json.loads(error.body)
    raise AssertionError(f"expected {status}")


@check
def create_and_get(world):
    made = world.create(email="Ada.L@Example.com", firstname="Ada", lastname="Żoë & Co", phone="+1 555 0100")
    assert int(made.id) > 2**31 and made.archived is False and made.created_at is not None
    asked = ["email", "firstname", "lastname", "phone", "company", "no_such_property"]
    again = world.find(made.id, properties=asked)
    assert again.properties["email"] == "ada.l@example.com"
    assert again.properties["lastname"] == "Żoë & Co" and again.properties["phone"] == "+1 555 0100"
    assert again.properties["company"] is None and "no_such_property" not in again.properties
    by_email = world.find("ADA.L@example.com", id_property="email")
    assert by_email.id == made.id


@check
def update_clear_and_read_history(world):
    made = world.create(email="history@example.com", firstname="Old", phone="1")
    change = contacts.SimplePublicObjectInput(properties={"firstname": "New", "phone": ""})
    world.contacts.basic_api.update(made.id, simple_public_object_input=change)
    again = world.find(made.id, properties=["phone"], properties_with_history=["firstname"])
    assert not again.properties["phone"]
    versions = again.properties_with_history["firstname"]
    assert [version.value for version in versions] == ["New", "Old"]
    assert versions[0].source_type == "INTEGRATION" and versions[0].source_id == str(world.hello["app_id"])


@check
def list_in_pages(world):
    for n in range(3):
        world.create(email=f"page{n}@example.com")
    first = world.contacts.basic_api.get_page(limit=2, properties=["email"])
    assert len(first.results) == 2 and first.paging.next.after
    second = world.contacts.basic_api.get_page(limit=100, after=first.paging.next.after)
    ids = [contact.id for contact in first.results + second.results]
    assert len(ids) == len(set(ids)) >= 5


@check
def search_finds_a_contact_after_its_lag(world):
    made = world.create(email="searched@example.com")
    only = contacts.Filter(property_name="email", operator="EQ", value="searched@example.com")
    request = contacts.PublicObjectSearchRequest(
        filter_groups=[contacts.FilterGroup(filters=[only])], properties=["email"], limit=10
    )
    deadline = time.monotonic() + 15
    found = []
    while not found and time.monotonic() < deadline:
        found = world.contacts.search_api.do_search(public_object_search_request=request).results
        time.sleep(0.3)
    assert [contact.id for contact in found] == [made.id]


@check
def batches_create_read_and_update(world):
    inputs = [
        contacts.SimplePublicObjectBatchInputForCreate(
            properties={"email": f"batch{n}@example.com"}, object_write_trace_id=f"trace{n}"
        )
        for n in range(5)
    ]
    batch = contacts.BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)
    made = world.contacts.batch_api.create(batch)
    assert made.status == "COMPLETE" and len(made.results) == 5
    emails = [contact.properties["email"] for contact in made.results]
    assert emails != sorted(emails), "results come in no particular order"
    ids = [contact.id for contact in made.results]
    read = world.contacts.batch_api.read(read_request(ids))
    assert sorted(contact.id for contact in read.results) == sorted(ids)
    changes = [contacts.SimplePublicObjectBatchInput(id=i, properties={"lastname": "B"}) for i in ids]
    updated = world.contacts.batch_api.update(contacts.BatchInputSimplePublicObjectBatchInput(inputs=changes))
    assert {contact.properties["lastname"] for contact in updated.results} == {"B"}


def read_request(ids):
    return contacts.BatchReadInputSimplePublicObjectId(
        inputs=[contacts.SimplePublicObjectId(id=i) for i in ids],
        properties=["email"],
        properties_with_history=["email"],
    )


@check
def a_batch_answers_row_by_row_only_with_trace_ids(world):
    rows = ["good@example.com", "bcooper@example.con", "batch0@example.com"]

    def inputs(traced):
        return contacts.BatchInputSimplePublicObjectBatchInputForCreate(
            inputs=[
                contacts.SimplePublicObjectBatchInputForCreate(
                    properties={"email": email}, object_write_trace_id=email if traced else None
                )
                for email in rows
            ]
        )

    body = fails_with(400, lambda: world.contacts.batch_api.create(inputs(False)))
    assert body["category"] == "VALIDATION_ERROR" and "context" not in body
    fails_with(404, lambda: world.find("good@example.com", id_property="email"))
    partial = world.contacts.batch_api.create(inputs(True))
    assert [contact.properties["email"] for contact in partial.results] == ["good@example.com"]
    by_row = {error.context["objectWriteTraceId"][0]: error for error in partial.errors}
    assert by_row["bcooper@example.con"].category == "VALIDATION_ERROR"
    assert by_row["batch0@example.com"].context["existingId"]


@check
def repeated_ids_in_a_batch_are_refused(world):
    made = world.create(email="twice@example.com")
    body = fails_with(400, lambda: world.contacts.batch_api.read(read_request([made.id, made.id])))
    assert "Duplicate IDs" in body["message"]


@check
def unknown_contacts_and_wrong_tokens_are_refused(world):
    body = fails_with(404, lambda: world.find(7))
    assert body["message"] == "resource not found"
    stranger = world.connect("pat-stranger")
    body = fails_with(401, lambda: stranger.crm.contacts.basic_api.get_page())
    assert body["category"] == "INVALID_AUTHENTICATION"


@check
def a_second_contact_with_the_same_address_is_a_conflict(world):
    made = world.create(email="taken@example.com")
    body = fails_with(409, lambda: world.create(email="TAKEN@example.com"))
    assert body["message"] == f"Contact already exists. Existing ID: {made.id}"


@check
def invalid_values_and_unknown_properties_are_refused(world):
    body = fails_with(400, lambda: world.create(email="ada@example.con"))
    assert body["errors"][0]["code"] == "INVALID_EMAIL"
    inner = json.loads(body["message"].removeprefix("Property values were not valid: "))
    assert (inner[0]["error"], inner[0]["name"]) == ("INVALID_EMAIL", "email")
    body = fails_with(400, lambda: world.create(email="ok@example.com", fax="1"))
    assert body["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"


@check
def a_unique_property_finds_its_contact(world):
    wanted = properties.PropertyCreate(
        name="stripe_customer_id",
        label="Stripe customer",
        group_name="contactinformation",
        type="string",
        field_type="text",
        has_unique_value=True,
    )
    api = world.client.crm.properties.core_api
    assert api.create("contacts", wanted).has_unique_value is True
    fails_with(409, lambda: api.create("contacts", wanted), properties.ApiException)
    made = world.create(email="unique@example.com", stripe_customer_id="cus_1")
    assert world.find("cus_1", id_property="stripe_customer_id").id == made.id
    body = fails_with(400, lambda: world.create(email="other@example.com", stripe_customer_id="cus_1"))
    assert body["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"


@check
def a_deleted_contact_is_gone(world):
    made = world.create(email="short-lived@example.com")
    world.contacts.basic_api.archive(made.id)
    fails_with(404, lambda: world.find(made.id))
    assert world.create(email="short-lived@example.com").id != made.id


@check
def a_custom_event_is_accepted(world):
    made = world.create(email="buyer@example.com")
    event = send.BehavioralEventHttpCompletionRequest(
        event_name=f"pe{world.hello['portal_id']}_purchase",
        object_id=made.id,
        uuid="6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        properties={"amount": "12.50", "currency": "eur"},
    )
    _, status, _ = world.client.events.send.basic_api.send_with_http_info(event)
    assert status == 204
    event.event_name = "purchase"
    fails_with(400, lambda: world.client.events.send.basic_api.send(event), send.ApiException)


@check
def webhooks_pass_the_sdks_signature_check(world):
    made = world.create(email="signed@example.com", firstname="Łukasz 🙂")
    deadline = time.monotonic() + 15
    kinds = set()
    while len(kinds) < 3:
        path, body, headers = Mailbox.received.get(timeout=max(0.0, deadline - time.monotonic()))
        signed = {
            "client_secret": world.hello["client_secret"],
            "http_uri": world.mailbox_url + path,
            "signature": headers["X-HubSpot-Signature-v3"],
            "signature_version": "v3",
            "timestamp": headers["X-HubSpot-Request-Timestamp"],
        }
        assert Signature.is_valid(request_body=body.decode(), **signed)
        assert not Signature.is_valid(request_body=body.decode() + " ", **signed)
        plain = {key: signed[key] for key in ("client_secret", "http_uri")}
        v1 = headers["X-HubSpot-Signature"]
        assert Signature.is_valid(signature=v1, request_body=body.decode(), signature_version="v1", **plain)
        for event in json.loads(body):
            if event["objectId"] == int(made.id):
                kinds.add((event["subscriptionType"], event.get("propertyName")))
                assert event["changeSource"] == "INTEGRATION"
                assert event["sourceId"] == str(world.hello["app_id"])
    change = "contact.propertyChange"
    assert kinds == {("contact.creation", None), (change, "email"), (change, "firstname")}


@check
def too_many_calls_a_second_are_refused(world):
    def burst():
        for _ in range(40):
            world.contacts.basic_api.get_page(limit=1)

    body = fails_with(429, burst)
    assert body["policyName"] == "SECONDLY" and body["errorType"] == "RATE_LIMIT"


def start(binary, webhook_url):
    fake = subprocess.Popen(
        [binary, "--webhook-url", webhook_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return fake, json.loads(fake.stdout.readline())


def main():
    mailbox = ThreadingHTTPServer(("127.0.0.1", 0), Mailbox)
    threading.Thread(target=mailbox.serve_forever, daemon=True).start()
    mailbox_url = f"http://127.0.0.1:{mailbox.server_port}"
    fake, hello = start(os.environ["HUBSPOT_FAKE_BIN"], f"{mailbox_url}/webhooks/hubspot?tenant=a")
    try:
        world = World(hello, mailbox_url)
        for function in CHECKS:
            # The emulator's limit is checked by the last check; the others keep below it.
            time.sleep(1.0)
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
    print(f"{len(CHECKS)} checks with hubspot-api-client")
    return 0


if __name__ == "__main__":
    sys.exit(main())
