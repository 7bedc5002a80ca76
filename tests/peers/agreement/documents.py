"""JSON with one reading, moments, keys and their signatures."""

import base64
import datetime
import json

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

# The y coordinates of Ed25519's points of small order.
SMALL_ORDER = {
    bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
}


class Refused(Exception):
    """Something is not what it has to be."""


def check(holds, why="not valid"):
    if not holds:
        raise Refused(why)


def moment(value):
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    check(isinstance(value, datetime.datetime) and value.tzinfo, "not a moment")
    return int(value.timestamp())


def pairs(items):
    found = dict(items)
    check(len(found) == len(items), "a key stands twice")
    return found


def constant(name):
    raise Refused(name)


def depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def read_json(data):
    check(len(data) <= 16 << 20, "too large")
    try:
        value = json.loads(data.decode(), object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from error
    check(depth(value) <= 64, "nested too deeply")
    return value


def no_case_twins(value, within=True):
    if isinstance(value, dict):
        check(len({key.lower() for key in value}) == len(value), "keys that differ only in case")
    if within and isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            no_case_twins(inner)


def unbase64(text):
    check(isinstance(text, str))
    for altchars in (None, b"-_"):
        try:
            data = base64.b64decode(text, altchars=altchars, validate=True)
        except ValueError:
            continue
        if base64.b64encode(data, altchars=altchars).decode() == text:
            return data
    raise Refused("not base64")


def public_key(text):
    try:
        pem = text.lstrip().startswith("-----BEGIN")
        load = serialization.load_pem_public_key if pem else serialization.load_ssh_public_key
        key = load(text.strip().encode() + b"\n")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused(str(error)) from error
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = bytearray(key.public_bytes_raw())
        raw[31] &= 0x7F
        check(bytes(raw) not in SMALL_ORDER, "a point of small order")
    else:
        check(isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1))
    return key


def identity(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def verifies(key, message, signature):
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
            return True
        if len(signature) == 64:
            halves = (int.from_bytes(it, "big") for it in (signature[:32], signature[32:]))
            signature = utils.encode_dss_signature(*halves)
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        return True
    except (InvalidSignature, ValueError):
        return False
