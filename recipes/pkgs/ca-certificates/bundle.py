"""Prints, as PEM, the certificates that Mozilla's certdata.txt trusts for TLS servers, in its order.

certdata.txt is a list of PKCS #11 objects: an attribute a line, values over several lines as octal bytes. A trust object
names its certificate by issuer and serial number.
"""

import base64
import sys

TRUSTED = "CKT_NSS_TRUSTED_DELEGATOR"


def objects(lines):
    """The objects, as dictionaries."""
    found, value = {}, None
    for line in lines:
        line = line.strip()
        if value is not None:
            if line == "END":
                value = None
            else:
                value.extend(int(byte, 8) for byte in line.split("\\")[1:])
            continue
        if not line or line.startswith("#") or line == "BEGINDATA":
            continue
        name, kind, *rest = line.split(None, 2)
        if name == "CKA_CLASS" and found:
            yield found
            found = {}
        if kind == "MULTILINE_OCTAL":
            value = found[name] = bytearray()
        else:
            found[name] = rest[0].strip('"') if rest else ""
    yield found


def main():
    certificates, trusted = {}, set()
    with open(sys.argv[1], encoding="utf-8") as lines:
        for it in objects(lines):
            key = bytes(it.get("CKA_ISSUER", b"")), bytes(it.get("CKA_SERIAL_NUMBER", b""))
            if it.get("CKA_CLASS") == "CKO_CERTIFICATE":
                certificates[key] = it["CKA_LABEL"], bytes(it["CKA_VALUE"])
            elif it.get("CKA_CLASS") == "CKO_NSS_TRUST" and it.get("CKA_TRUST_SERVER_AUTH") == TRUSTED:
                trusted.add(key)
    count = 0
    for key, (label, value) in certificates.items():
        if key in trusted:
            text = base64.b64encode(value).decode()
            print(f"# {label}", "-----BEGIN CERTIFICATE-----", sep="\n")
            print(*(text[at : at + 64] for at in range(0, len(text), 64)), sep="\n")
            print("-----END CERTIFICATE-----")
            count += 1
    if count < 50:
        sys.exit(f"only {count} certificates of {len(certificates)} are trusted: is the file whole?")


main()
