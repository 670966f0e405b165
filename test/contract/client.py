"""A client that shares nothing with the shop but proto/: stubs by grpcio-tools, calls over plain HTTP/2.

usage: client.py STUBS CATALOG ORDER INVENTORY PAYMENT INGEST [SALE SKU]      (addresses as host:port)

Calls every service, checks what comes back, prints one line a check, exits with 1 when one fails. Under mutual TLS: GRPC_CA_FILE,
GRPC_CERT_FILE and GRPC_KEY_FILE are those of the gateway, which may call all but payment, PAYMENT_CERT_FILE and PAYMENT_KEY_FILE
those of order, which may; then it also checks that it is refused without a certificate and with the wrong one.
"""

import os
import sys
import time
import uuid

stubs, catalog_at, order_at, inventory_at, payment_at, ingest_at = sys.argv[1:7]
sale_id, sku = (sys.argv[7:9] + ["demo", "phone"])[:2] if len(sys.argv) > 7 else ("demo", "phone")
sys.path.insert(0, stubs)

import grpc  # noqa: E402
from google.rpc import error_details_pb2  # noqa: E402
from grpc_status import rpc_status  # noqa: E402
from flashmesh.catalog.v1 import catalog_pb2, catalog_pb2_grpc  # noqa: E402
from flashmesh.event.v1 import event_pb2, event_pb2_grpc  # noqa: E402
from flashmesh.inventory.v1 import inventory_pb2, inventory_pb2_grpc  # noqa: E402
from flashmesh.order.v1 import order_pb2, order_pb2_grpc  # noqa: E402
from flashmesh.payment.v1 import payment_pb2, payment_pb2_grpc  # noqa: E402

failures = 0


def check(what, ok, detail=""):
    global failures
    failures += not ok
    print(("ok   " if ok else "FAIL ") + what + (f": {detail}" if detail else ""))


def error_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    return None


def code_of(call):
    error = error_of(call)
    return error.code() if error else grpc.StatusCode.OK


def details_of(error):
    """The details of a google.rpc.Status, by the name of their type."""
    kinds = {"ErrorInfo": error_details_pb2.ErrorInfo, "BadRequest": error_details_pb2.BadRequest}
    found = {}
    for packed in rpc_status.from_call(error).details:
        kind = packed.TypeName().rsplit(".", 1)[1]
        if kind in kinds:
            found[kind] = kinds[kind]()
            packed.Unpack(found[kind])
    return found


ca_file = os.environ.get("GRPC_CA_FILE")


def content(variable):
    with open(os.environ[variable], "rb") as file:
        return file.read()


def channel_to(address, shown="GRPC"):
    """A channel; under TLS it shows the certificate of the variables that begin so, or none."""
    if not ca_file:
        return grpc.insecure_channel(address)
    key, certificate = (content(f"{shown}_KEY_FILE"), content(f"{shown}_CERT_FILE")) if shown else (None, None)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(content("GRPC_CA_FILE"), key, certificate))


DEADLINE = 10
catalog = catalog_pb2_grpc.CatalogServiceStub(channel_to(catalog_at))
order = order_pb2_grpc.OrderServiceStub(channel_to(order_at))
inventory = inventory_pb2_grpc.InventoryServiceStub(channel_to(inventory_at))
payment = payment_pb2_grpc.PaymentServiceStub(channel_to(payment_at, "PAYMENT"))
ingest = event_pb2_grpc.IngestStub(channel_to(ingest_at))

sale = catalog.GetSale(catalog_pb2.GetSaleRequest(sale_id=sale_id), timeout=DEADLINE).sale
check("catalog.GetSale", sale.id == sale_id and any(item.sku == sku for item in sale.items), sale.name)
missing = code_of(lambda: catalog.GetSale(catalog_pb2.GetSaleRequest(sale_id="no-such-sale"), timeout=DEADLINE))
check("catalog.GetSale of an unknown sale", missing == grpc.StatusCode.NOT_FOUND, missing)

stock = inventory.GetStock(inventory_pb2.GetStockRequest(sku=sku), timeout=DEADLINE).stock
check("inventory.GetStock balances", stock.initial == stock.available + stock.reserved + stock.sold > 0, stock.available)

buyer, key = f"python-{uuid.uuid4()}", f"key-{uuid.uuid4()}"
request = order_pb2.PlaceOrderRequest(
    buyer_id=buyer, idempotency_key=key, sale_id=sale_id, sku=sku, quantity=1, payment_method="tok_ok"
)
placed = order.PlaceOrder(request, timeout=DEADLINE)
again = order.PlaceOrder(request, timeout=DEADLINE)
check("order.PlaceOrder, repeated, is one order", placed.order.id == again.order.id and again.repeated_request, placed.order.id)
question = order_pb2.GetOrderRequest(order_id=placed.order.id, buyer_id=buyer)
until = time.monotonic() + 30
state = placed.order.state
while state < order_pb2.ORDER_STATE_CONFIRMED and time.monotonic() < until:
    time.sleep(0.1)
    state = order.GetOrder(question, timeout=DEADLINE).order.state
check("order.GetOrder ends confirmed", state == order_pb2.ORDER_STATE_CONFIRMED, order_pb2.OrderState.Name(state))
foreign = code_of(
    lambda: order.GetOrder(order_pb2.GetOrderRequest(order_id=placed.order.id, buyer_id="somebody-else"), timeout=DEADLINE)
)
check("order.GetOrder by another buyer", foreign == grpc.StatusCode.PERMISSION_DENIED, foreign)
request.quantity = 0
request.idempotency_key = key + "-zero"
refused = error_of(lambda: order.PlaceOrder(request, timeout=DEADLINE))
check("order.PlaceOrder of nothing", refused.code() == grpc.StatusCode.INVALID_ARGUMENT, refused.code())
details = details_of(refused)
fields = [violation.field for violation in details["BadRequest"].field_violations]
check("order.PlaceOrder of nothing says why", fields == ["quantity"] and details["ErrorInfo"].reason, fields)

charge = payment_pb2.ChargeRequest(
    order_id=placed.order.id,
    buyer_id=buyer,
    amount=placed.order.amount,
    currency=placed.order.currency,
    payment_method="tok_ok",
)
outcome = payment.Charge(charge, timeout=DEADLINE).outcome
check("payment.Charge, repeated, is one charge", outcome == payment_pb2.CHARGE_OUTCOME_CHARGED)

event = event_pb2.Event(id=f"evt-{uuid.uuid4()}", type="com.example.tried", source="/python", data=b"hello")
first = ingest.Receive(event, timeout=DEADLINE)
second = ingest.Receive(event, timeout=DEADLINE)
check("event.Ingest.Receive", first.id == event.id and not first.duplicate)
check("event.Ingest.Receive, repeated, is a duplicate", second.duplicate)
unnamed = code_of(lambda: ingest.Receive(event_pb2.Event(type="x", source="/python"), timeout=DEADLINE))
check("event.Ingest.Receive without an id", unnamed == grpc.StatusCode.INVALID_ARGUMENT, unnamed)

if ca_file:
    stranger = order_pb2_grpc.OrderServiceStub(channel_to(order_at, shown=None))
    refused = code_of(lambda: stranger.GetOrder(question, timeout=DEADLINE))
    check("order.GetOrder without a certificate", refused == grpc.StatusCode.UNAUTHENTICATED, refused)
    other = payment_pb2_grpc.PaymentServiceStub(channel_to(payment_at))
    refused = code_of(lambda: other.Charge(charge, timeout=DEADLINE))
    check("payment.Charge by who may not", refused == grpc.StatusCode.PERMISSION_DENIED, refused)

sys.exit(1 if failures else 0)
